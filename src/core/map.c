#include "../../core/map.c"
