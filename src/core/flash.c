#include "../../core/flash.c"
