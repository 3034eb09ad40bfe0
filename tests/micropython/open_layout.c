#include "peer.h"

enum oneslot_error open_device(struct oneslot *device) {
    return oneslot_open(device, &flash);
}

enum oneslot_error confirm_device(struct oneslot *device) {
    return oneslot_confirm(device);
}
