#include "../../core/save.c"
