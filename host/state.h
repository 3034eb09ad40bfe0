/*
 * A flash image seen as the application sees its device, for `request`, `cancel` and `status`.
 */
#ifndef ONESLOT_HOST_STATE_H
#define ONESLOT_HOST_STATE_H

#include "host/flash_file.h"
#include "host/json.h"
#include "oneslot/oneslot.h"

/// "idle", "requested", ...
const char *state_name(enum oneslot_state state);

/// Writes a status into the open object.
void state_json(struct json *json, const struct oneslot_status *status);

/// Shows how things stand in a flash image, in words or as JSON. Returns TOOL_OK or TOOL_FAILED.
int state_show(const struct flash_file *file, bool json);

#endif
