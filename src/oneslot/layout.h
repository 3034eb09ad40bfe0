#include "../../include/oneslot/layout.h"
