#include "../../core/error.c"
