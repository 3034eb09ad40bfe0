#include "../../core/pack_filter.c"
