#include "../../include/oneslot/pack.h"
