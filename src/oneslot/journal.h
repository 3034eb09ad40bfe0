#include "../../include/oneslot/journal.h"
