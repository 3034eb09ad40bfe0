/*
 * oneslot image for the ESP8266: how much flash the firmware is told of, and what it needs in flash beside itself.
 *
 * A firmware whose files take all up to the end of the flash keeps to the size in its header. Told of less than the
 * chip has, it leaves the rest to Oneslot.
 */
#include <string.h>

#include "host/fit.h"
#include "host/image.h"
#include "host/size.h"
#include "host/tool.h"

#define MEGABYTE 0x100000u

/// High halves of header byte 3 in the order in which they are tried.
struct headers {
    unsigned count;
    uint8_t nibble[8];
    bool kept; ///< the image's own
};

static void add(struct headers *headers, uint8_t nibble) {
    headers->nibble[headers->count++] = nibble;
}

/// A user1 is built for one size of flash; the NodeMCU of 2015 starts with the size that it was shipped with.
static bool keeps(const struct image_build *build, uint32_t own_size) {
    const struct firmware *firmware = &build->firmware;
    bool bound = firmware->image.kind == ONESLOT_IMAGE_USER1 || firmware->maker == FIRMWARE_NODEMCU;
    return build->options.header == 'k' ||
           (build->options.header == 0 && bound && own_size != 0 && own_size <= build->options.flash_size);
}

static void find_headers(struct headers *headers, const struct image_build *build, uint8_t own) {
    static const char *const SMALLER[] = {"8MB", "4MB", "2MB", "1MB"};
    const struct image_options *options = &build->options;
    uint32_t own_size;
    flash_size_name(own, &own_size);
    *headers = (struct headers){.kept = keeps(build, own_size)};
    if (headers->kept) {
        add(headers, own);
        return;
    }
    add(headers, options->header == 's' ? options->header_nibble : options->nibble);
    for (size_t index = 0; options->header == 0 && index < sizeof SMALLER / sizeof SMALLER[0]; index++) {
        uint32_t size;
        uint8_t nibble;
        flash_size_parse(SMALLER[index], &size, &nibble);
        if (size < options->flash_size) {
            add(headers, nibble);
        }
    }
}

static int try_header(struct image_build *build, uint8_t nibble, uint8_t clock) {
    struct plan *plan = &build->plan;
    uint32_t told;
    const char *name = flash_size_name(nibble, &told);
    build->esp8266.header_size = (uint8_t)(nibble << 4 | clock);
    plan->sdk_size = told != 0 ? told : plan->flash_size;
    plan->map_nibble = nibble;
    if (plan->sdk_size > plan->flash_size) {
        return tool_fail(build->options.json, ONESLOT_ERROR_IMAGE_TOO_LARGE,
                         "the firmware's header says %s of flash, more than the chip has: --flash-header chip changes "
                         "that",
                         name);
    }
    return plan_make(plan) ? TOOL_OK : TOOL_FAILED;
}

static void say_told(struct image_build *build, bool kept) {
    struct plan *plan = &build->plan;
    char told[24];
    if (plan->sdk_size == plan->flash_size) {
        return;
    }
    size_text(plan->sdk_size, told);
    if (!plan->claims.to_header_end) {
        plan_warn(plan, "the firmware is told of %s of flash%s: nothing lies behind that", told,
                  kept ? ", as its image says" : "");
    } else {
        plan_warn(plan,
                  "the firmware is told of %s of flash%s: its own files end there, and Oneslot lies behind that. Never "
                  "flash it with another --flash-size than 'keep'",
                  told, kept ? ", as its image says" : "");
    }
}

int image_plan_room(struct image_build *build, uint8_t own_header) {
    struct plan *plan = &build->plan;
    struct headers headers;
    uint8_t clock = own_header & 0x0f;
    find_headers(&headers, build, own_header >> 4);
    int status = try_header(build, headers.nibble[0], clock);
    bool smaller = plan->error == ONESLOT_ERROR_IMAGE_CLAIMS && !plan->claims.mends_header;
    for (unsigned index = 1; status != TOOL_OK && smaller && index < headers.count; index++) {
        status = try_header(build, headers.nibble[index], clock);
    }
    if (status != TOOL_OK && plan->sdk_size > plan->flash_size) {
        return status; // it was said
    }
    if (status != TOOL_OK) {
        // The chip's own size is what a person thinks of.
        try_header(build, headers.nibble[0], clock);
        return tool_fail(build->options.json, plan->error, "%s: %s", build->options.firmware, plan->reason);
    }
    say_told(build, headers.kept);
    return TOOL_OK;
}

/// PHY init data.

static int load_init_data(struct image_build *build) {
    const struct image_options *options = &build->options;
    struct image_blob *file = &build->esp8266.init_data;
    int status = image_load(file, options->init_data, options->json);
    if (status == TOOL_OK &&
        (file->size < FIRMWARE_INIT_DATA || file->size > ONESLOT_SECTOR_SIZE || file->bytes[0] != 0x05)) {
        status =
            tool_fail(options->json, ONESLOT_ERROR_PHY_INIT,
                      "%s (%u bytes, the first 0x%02x) is no PHY init data: esp_init_data_default.bin of Espressif's "
                      "SDK has %u bytes, the first 0x05",
                      options->init_data, file->size, file->size > 0 ? file->bytes[0] : 0, FIRMWARE_INIT_DATA);
    }
    return status;
}

static int put_init_data(struct image_build *build) {
    const struct claims *claims = &build->plan.claims;
    const struct claim *place = claims_find(claims, CLAIM_PHY);
    const uint8_t *data = firmware_init_data(&build->firmware);
    if (build->options.init_data != NULL) {
        int status = load_init_data(build);
        if (status != TOOL_OK) {
            return status;
        }
        if (place == NULL) {
            return tool_usage("image", "--init-data: this firmware reads no PHY init data from flash");
        }
        data = build->esp8266.init_data.bytes;
    } else {
        place = fit_init_data(claims, &build->firmware);
    }
    if (place == NULL || data == NULL || place->to > build->plan.flash_size) {
        return TOOL_OK;
    }
    uint8_t *sector = build->bytes + place->from;
    if (build->options.init_data != NULL || sector[0] == 0xff) {
        memcpy(sector, data, FIRMWARE_INIT_DATA);
    }
    return TOOL_OK;
}

int image_put_fit(struct image_build *build) {
    const struct plan *plan = &build->plan;
    struct fit fit;
    struct fit_device device = {
        .chip = {.flash_size = plan->flash_size,
                 .told = plan->sdk_size,
                 .nibble = plan->map_nibble,
                 .files_at = plan->files_at},
        .map = &plan->map,
        .flash = build->bytes,
    };
    int status = put_init_data(build);
    if (status != TOOL_OK) {
        return status;
    }
    fit_check(&fit, &build->firmware, &device);
    for (size_t index = 0; index < fit.count; index++) {
        fit.reason[index].certain = true; // for a flash that is made anew, what is probable is reason enough
    }
    return fit_say(&fit, build->options.firmware, build->options.force, build->options.json);
}
