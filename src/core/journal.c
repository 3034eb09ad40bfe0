#include "../../core/journal.c"
