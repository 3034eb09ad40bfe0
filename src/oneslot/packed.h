#include "../../include/oneslot/packed.h"
