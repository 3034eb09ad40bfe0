#include "../../core/crc32.c"
