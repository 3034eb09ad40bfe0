#include "../../include/oneslot/error.h"
