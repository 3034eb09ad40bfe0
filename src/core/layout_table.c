#include "../../core/layout_table.c"
