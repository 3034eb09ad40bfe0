#include "../../include/oneslot/version.h"
