#include "../../include/oneslot/port.h"
