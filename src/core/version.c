#include "../../core/version.c"
