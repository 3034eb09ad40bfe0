#include "../../core/sha256.c"
