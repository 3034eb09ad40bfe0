#include "../../core/layout.c"
