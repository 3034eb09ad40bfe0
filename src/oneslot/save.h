#include "../../include/oneslot/save.h"
