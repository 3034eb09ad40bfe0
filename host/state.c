#include "host/state.h"

#include "host/tool.h"

const char *state_name(enum oneslot_state state) {
    switch (state) {
    case ONESLOT_STATE_IDLE:
        return "idle";
    case ONESLOT_STATE_REQUESTED:
        return "requested";
    case ONESLOT_STATE_INSTALLING:
        return "installing";
    case ONESLOT_STATE_TRIAL:
        return "trial";
    case ONESLOT_STATE_DONE:
        return "done";
    case ONESLOT_STATE_FAILED:
        return "failed";
    default:
        return "unknown";
    }
}

void state_json(struct json *json, const struct oneslot_status *status) {
    char text[256];
    oneslot_status_text(status, text, sizeof text);
    json_string(json, "state", state_name(status->state));
    json_string(json, "text", text);
    json_string(json, "outcome", oneslot_error_name(status->outcome));
    json_number(json, "detail", status->detail);
    json_number(json, "trial_left", status->trial_left);
    json_string(json, "path", status->path);
    json_number(json, "installed_size", status->installed_size);
    json_hex(json, "installed_sha256", status->installed, sizeof status->installed);
}

static void show_text(const struct oneslot_status *status) {
    char text[256];
    oneslot_status_text(status, text, sizeof text);
    int colour = status->state == ONESLOT_STATE_FAILED ? 31 : status->state == ONESLOT_STATE_DONE ? 32 : 0;
    printf("%s%s%s\n", tool_colour(stdout, colour), text, tool_colour(stdout, 0));
    if (status->installed_size != 0) {
        printf("installed: %u bytes, SHA-256 ", status->installed_size);
        for (size_t index = 0; index < sizeof status->installed; index++) {
            printf("%02x", status->installed[index]);
        }
        putchar('\n');
    }
}

int state_show(const struct flash_file *file, bool as_json) {
    struct oneslot oneslot;
    struct oneslot_status status;
    enum oneslot_error error = flash_file_open_oneslot(file, &oneslot);
    if (error == ONESLOT_ERROR_NONE) {
        error = oneslot_status(&oneslot, &status);
    }
    if (error != ONESLOT_ERROR_NONE) {
        return tool_fail(as_json, error, "%s: %s", file->path, oneslot_error_text(error));
    }
    if (as_json) {
        struct json json;
        tool_json_begin(&json, stdout, NULL, NULL);
        state_json(&json, &status);
        tool_json_end(&json);
    } else {
        show_text(&status);
    }
    return TOOL_OK;
}
