#include "../../include/oneslot/otadata.h"
