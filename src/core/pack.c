#include "../../core/pack.c"
