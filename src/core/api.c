#include "../../core/api.c"
