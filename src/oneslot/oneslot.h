#include "../../include/oneslot/oneslot.h"
