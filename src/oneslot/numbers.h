#include "../../include/oneslot/numbers.h"
