/*
 * What goes into a flash image, as the files of `oneslot image` share it: one for each family of chips, and one for
 * what they have in common.
 */
#ifndef ONESLOT_HOST_IMAGE_H
#define ONESLOT_HOST_IMAGE_H

#include "host/esp32.h"
#include "host/plan.h"
#include "oneslot/trust.h"

#define IMAGE_MODE_KEEP 0xff ///< take the image's own flash mode
/// A path of 1000 bytes, each of them a quote.
#define IMAGE_NAME_ROOM 4100

struct image_options {
    const char *firmware; ///< NULL = the one that lies in the dump
    const char *output;
    const char *chip; ///< NULL = as the firmware says
    const char *boot;
    const char *bootloader;
    const char *dump;
    const char *parts; ///< folder or beginning of the names of the files of --parts
    const char *fs;
    const char *fs_image;
    const char *map;
    const char *watch;
    const char *key[ONESLOT_KEYS_MAX];
    uint32_t keys;
    const char *board;
    const char *loader;
    const char *installer;
    const char *init_data;
    uint32_t flash_size;
    uint32_t files_at; ///< where the firmware's own files begin; 0 = as it tells itself
    uint8_t nibble;
    uint8_t mode;
    char header;           ///< 'k' keep, 'c' chip, 's' a size, 0 default
    uint8_t header_nibble; ///< of that size
    bool force;
    bool json;
};

/// A file in memory, or one that lies in the tool itself.
struct image_blob {
    uint8_t *owned;
    const uint8_t *bytes;
    uint32_t size;
};

/// What differs from the dump.
struct image_part {
    uint32_t address;
    uint32_t size;
};

#define IMAGE_PARTS     16u
#define IMAGE_PART_NAME 300u

struct image_build;

/// What differs between the families. Each step says what is wrong and returns a tool_status.
struct image_family {
    /// Reads what belongs to the firmware, and looks whether it is one for the chip.
    int (*check)(struct image_build *build);
    /// Finds the places: plan.map and plan.layout.
    int (*plan)(struct image_build *build);
    /// Puts boot loader, map, installer and firmware into `bytes`.
    int (*put)(struct image_build *build);
    /// The command that puts the image on the chip.
    void (*command)(const struct image_build *build, char *text, size_t room);
    const char *advice; ///< a sentence below it
};

extern const struct image_family image_esp8266;
extern const struct image_family image_esp32;

/// All that is at hand while an image is made.
struct image_build {
    struct image_options options;
    const struct image_family *family;
    struct image_blob firmware_file;
    struct image_blob installer;
    struct firmware firmware;
    struct plan plan;
    struct oneslot_trust_block trust;
    uint8_t *bytes; ///< the flash image
    uint32_t files;
    uint32_t part_count;
    struct image_part part[IMAGE_PARTS]; ///< by address
    char watch[ONESLOT_PATH_MAX + 2];
    struct {
        struct image_blob boot_file;
        struct image_blob loader;
        struct image_blob init_data;
        struct image_blob dump; ///< the device's whole flash as it was; size 0: none was given
        bool own_firmware;      ///< the firmware is the one in the dump
        struct oneslot_map given;
        uint8_t header_mode;
        uint8_t header_size;
    } esp8266;
    struct {
        const struct esp32_chip *chip;
        struct image_blob bootloader_file;
        struct esp32_image bootloader;
        struct esp32_flash combined; ///< the firmware's file, where it holds more than an application
        struct esp32_flash dump;
        const struct esp32_flash *stock; ///< the one of these two whose content is kept; NULL = neither
        bool size_changed;               ///< the boot loader's header was made to tell of the flash's size
    } esp32;
};

/// Reads a file that may go into a flash.
int image_load(struct image_blob *blob, const char *path, bool json);
void image_unload(struct image_blob *blob);

/// On an ESP8266: the size of flash that the firmware is told, and with it all places. Returns a tool_status.
int image_plan_room(struct image_build *build, uint8_t own_header);

/// On an ESP8266, last: PHY init data, where the firmware needs them, and whether it fits what was made.
int image_put_fit(struct image_build *build);

/// Configuration, keys and board, in the sector of the settings; the rest of it stays as it is.
void image_put_settings(struct image_build *build);

/// Whether a file can ever lie at the path to be watched, on the map that was planned.
int image_check_watch(struct image_build *build);

/// The first record of the journal.
enum oneslot_error image_put_journal(struct image_build *build);

/// The files that were asked for.
int image_put_file_system(struct image_build *build);

/// ESP8266, --dump: reads the dump, and takes from it what was not given. Says what is wrong and returns a tool_status.
int image_dump_esp8266(struct image_build *build);
/// Puts the dump into `bytes`, erased where parts of Oneslot will lie.
int image_dump_esp8266_put(struct image_build *build);

/// Writes what differs from the dump as files, named by options.parts. Says what is wrong and returns a tool_status.
int image_parts(struct image_build *build);
const char *image_part_name(const struct image_build *build, uint32_t index, char name[IMAGE_PART_NAME]);
/// The command that writes the parts, and nothing else.
void image_parts_command(const struct image_build *build, char *text, size_t room);

/// The public keys and the board's name. A private key does as well: its public half is taken, and no more.
int image_make_trust(struct image_build *build);

/// The name of the flash image as a shell takes it; `text` is used where it needs quotes.
const char *image_name_for_shell(const char *name, char text[IMAGE_NAME_ROOM]);

/// Says what was made.
void image_report(const struct image_build *build);

#endif
