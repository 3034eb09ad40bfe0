#include "../../include/oneslot/flash.h"
