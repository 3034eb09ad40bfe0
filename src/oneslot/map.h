#include "../../include/oneslot/map.h"
