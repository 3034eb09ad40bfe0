#include "../../core/otadata.c"
