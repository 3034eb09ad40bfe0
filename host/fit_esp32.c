/* Does an image fit a device of the ESP32 family? See fit.h. */
#include "host/esp32.h"
#include "host/fit.h"
#include "host/size.h"

/// What a project's download page has under its button: all parts in one file.
static bool check_combined(struct fit *fit, const uint8_t *bytes, uint32_t size) {
    struct esp32_flash whole;
    struct esp32_image image;
    if (esp32_flash_read(&whole, bytes, size) != ONESLOT_ERROR_NONE) {
        return false;
    }
    const struct oneslot_partition *region = esp32_flash_application(&whole, &image);
    if (region == NULL) {
        fit_against(fit, ONESLOT_ERROR_IMAGE_COMBINED, 0, size,
                    "it holds a boot loader and a partition table, and no whole application");
    } else {
        uint32_t offset = region->address - whole.base;
        fit_against(
            fit, ONESLOT_ERROR_IMAGE_COMBINED, 0, size,
            "it is a whole download: boot loader, partition table, and the application from 0x%x of the file on "
            "(%u bytes). The device takes the application alone: 'oneslot pack FILE --version V -o FILE.osp' "
            "takes it out",
            offset, image.signed_size);
    }
    esp32_flash_free(&whole);
    return true;
}

static void check_application(struct fit *fit, const struct esp32_flash *here, const struct flash_file *device,
                              const struct esp32_image *image) {
    const struct esp32_chip *chip = esp32_chip(image->chip);
    uint32_t start = device->layout.application;
    uint32_t room = device->layout.firmware - start;
    char need[24];
    char there[24];
    if (image->chip != here->chip->number) {
        fit_against(fit, ONESLOT_ERROR_IMAGE_CHIP, start, start + image->size,
                    "it is for the %s, and the device is an %s",
                    chip != NULL ? chip->title : "chip of an unknown number", here->chip->title);
    }
    if (!image->described) {
        fit_against(
            fit, ONESLOT_ERROR_IMAGE_UNKNOWN, start, start + image->size,
            "it has no descriptor: a boot loader, or an application from before ESP-IDF 3.2, which is not served");
    }
    if (image->signed_size > room) {
        fit_against(fit, ONESLOT_ERROR_IMAGE_TOO_LARGE, start, start + image->signed_size,
                    "it has %s, and the application's partition %s. What would help: a build without what is not "
                    "needed, or a device made anew with a larger partition ('oneslot image --map')",
                    size_text(image->signed_size, need), size_text(room, there));
    }
    if (here->bootloader.signed_size != here->bootloader.size && image->signed_size == image->size) {
        fit_against(fit, ONESLOT_ERROR_IMAGE_UNSIGNED, start, start + image->size,
                    "it is not signed, and the device's boot loader is (Secure Boot v2): it starts signed applications "
                    "alone");
    }
}

void fit_esp32(struct fit *fit, const struct flash_file *device, const uint8_t *bytes, uint32_t size) {
    struct esp32_flash here;
    struct esp32_image image;
    if (check_combined(fit, bytes, size)) {
        return;
    }
    if (!esp32_header(bytes, size)) {
        fit_against(fit, ONESLOT_ERROR_IMAGE_CHIP, 0, size, "it is for the ESP8266");
        return;
    }
    // What is cut short or damaged is the installer's to refuse.
    if (esp32_image_read(&image, bytes, size) != ONESLOT_ERROR_NONE ||
        esp32_flash_read(&here, device->bytes, device->size) != ONESLOT_ERROR_NONE) {
        return;
    }
    check_application(fit, &here, device, &image);
    esp32_flash_free(&here);
}
