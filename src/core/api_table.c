#include "../../core/api_table.c"
