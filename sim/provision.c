#include "sim/provision.h"

#include <string.h>

#include "bearssl_hash.h"
#include "lfs.h"
#include "oneslot/image.h"
#include "oneslot/otadata.h"
#include "oneslot/source.h"

#define DEFAULT_RESERVED 0xf4000u
#define DEFAULT_FS_START 0x100000u
#define SYSTEM_SIZE      (5u * ONESLOT_SECTOR_SIZE)
#define TABLE_RESERVED   0x1e0000u
#define TABLE_FS_START   0x200000u
#define BOOT_LOADER_SIZE 0x5000u
#define LITTLEFS_CACHE   256u

/* A flash port over memory. */

static int memory_read(void *context, uint32_t address, void *buffer, uint32_t length) {
    const struct sim_memory *memory = context;
    if (address > memory->size || length > memory->size - address) {
        return -1;
    }
    memcpy(buffer, memory->bytes + address, length);
    return 0;
}

static int memory_program(void *context, uint32_t address, const void *data, uint32_t length) {
    struct sim_memory *memory = context;
    if (address > memory->size || length > memory->size - address) {
        return -1;
    }
    for (uint32_t i = 0; i < length; i++) {
        memory->bytes[address + i] &= ((const uint8_t *)data)[i];
    }
    return 0;
}

static int memory_erase(struct sim_memory *memory, uint32_t address, uint32_t length) {
    if (address > memory->size || length > memory->size - address) {
        return -1;
    }
    memset(memory->bytes + address, 0xff, length);
    return 0;
}

static int memory_erase_sector(void *context, uint32_t address) {
    return memory_erase(context, address, ONESLOT_SECTOR_SIZE);
}

static int memory_erase_block(void *context, uint32_t address) {
    return memory_erase(context, address, ONESLOT_BLOCK_SIZE);
}

struct oneslot_flash sim_memory_flash(struct sim_memory *memory) {
    struct oneslot_flash flash = {.context = memory,
                                  .size = memory->size,
                                  .read = memory_read,
                                  .program = memory_program,
                                  .erase_sector = memory_erase_sector,
                                  .erase_block = memory_erase_block};
    return flash;
}

/* The file system. */

static int block_read(const struct lfs_config *config, lfs_block_t block, lfs_off_t offset, void *buffer,
                      lfs_size_t size) {
    memcpy(buffer, (uint8_t *)config->context + block * config->block_size + offset, size);
    return 0;
}

static int block_program(const struct lfs_config *config, lfs_block_t block, lfs_off_t offset, const void *buffer,
                         lfs_size_t size) {
    memcpy((uint8_t *)config->context + block * config->block_size + offset, buffer, size);
    return 0;
}

static int block_erase(const struct lfs_config *config, lfs_block_t block) {
    memset((uint8_t *)config->context + block * config->block_size, 0xff, config->block_size);
    return 0;
}

static int block_sync(const struct lfs_config *config) {
    (void)config;
    return 0;
}

static struct lfs_config littlefs_config(void *region, uint32_t size, uint32_t block_size) {
    struct lfs_config config = {.context = region,
                                .read = block_read,
                                .prog = block_program,
                                .erase = block_erase,
                                .sync = block_sync,
                                .read_size = 16,
                                .prog_size = 16,
                                .block_size = block_size,
                                .block_count = size / block_size,
                                .block_cycles = 500,
                                .cache_size = LITTLEFS_CACHE,
                                .lookahead_size = 64};
    return config;
}

static int make_directories(lfs_t *lfs, const char *path) {
    char part[LFS_NAME_MAX + 1];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t length = (size_t)(slash - path);
        if (length >= sizeof part) {
            return LFS_ERR_NAMETOOLONG;
        }
        memcpy(part, path, length);
        part[length] = 0;
        int error = lfs_mkdir(lfs, part);
        if (error != 0 && error != LFS_ERR_EXIST) {
            return error;
        }
    }
    return 0;
}

static int write_file(lfs_t *lfs, const struct sim_file *file) {
    lfs_file_t handle;
    int error = make_directories(lfs, file->path);
    if (error != 0) {
        return error;
    }
    error = lfs_file_open(lfs, &handle, file->path, LFS_O_WRONLY | LFS_O_CREAT | LFS_O_TRUNC);
    if (error != 0) {
        return error;
    }
    lfs_ssize_t written = lfs_file_write(lfs, &handle, file->bytes, file->size);
    error = lfs_file_close(lfs, &handle);
    return written < 0 ? (int)written : error;
}

enum oneslot_error sim_make_file_system(uint8_t *region, uint32_t size, uint32_t block_size,
                                        const struct sim_file *file, uint32_t files) {
    lfs_t lfs;
    struct lfs_config config = littlefs_config(region, size, block_size);
    memset(region, 0xff, size);
    if (lfs_format(&lfs, &config) != 0 || lfs_mount(&lfs, &config) != 0) {
        return ONESLOT_ERROR_FS_CORRUPT;
    }
    int error = 0;
    for (uint32_t i = 0; i < files && error == 0; i++) {
        error = write_file(&lfs, &file[i]);
    }
    lfs_unmount(&lfs);
    return error == 0 ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_FS_CORRUPT;
}

int32_t sim_read_file(const uint8_t *region, uint32_t size, uint32_t block_size, const char *path, void *buffer,
                      uint32_t capacity) {
    lfs_t lfs;
    lfs_file_t handle;
    struct lfs_config config = littlefs_config((uint8_t *)region, size, block_size);
    int32_t result = lfs_mount(&lfs, &config);
    if (result != 0) {
        return result;
    }
    result = lfs_file_open(&lfs, &handle, path, LFS_O_RDONLY);
    if (result == 0) {
        result = lfs_file_read(&lfs, &handle, buffer, capacity);
        lfs_file_close(&lfs, &handle);
    }
    lfs_unmount(&lfs);
    return result;
}

/* The parts of Oneslot. */

static struct sim_provision with_defaults(const struct sim_provision *given) {
    struct sim_provision filled = *given;
    uint32_t behind = filled.chip ? 0 : SYSTEM_SIZE;
    if (filled.reserved == 0) {
        filled.reserved = filled.chip ? TABLE_RESERVED : DEFAULT_RESERVED;
    }
    if (filled.fs_start == 0) {
        filled.fs_start = filled.chip ? TABLE_FS_START : DEFAULT_FS_START;
    }
    if (filled.fs_size == 0 && filled.flash_size > filled.fs_start + behind) {
        filled.fs_size = filled.flash_size - behind - filled.fs_start;
    }
    if (filled.fs_block == 0) {
        filled.fs_block = ONESLOT_SECTOR_SIZE;
    }
    return filled;
}

static struct oneslot_layout make_layout(const struct sim_provision *provision) {
    struct oneslot_layout layout = {.flags = provision->watch ? ONESLOT_LAYOUT_WATCH : 0,
                                    .flash_size = provision->flash_size,
                                    .displaced = provision->reserved,
                                    .journal = provision->reserved + 0x1000u,
                                    .map = provision->reserved + 0x3000u,
                                    .settings = provision->reserved + 0x3000u,
                                    .installer = provision->reserved + 0x4000u,
                                    .firmware = provision->reserved};
    oneslot_layout_seal(&layout);
    return layout;
}

/// Sector 0: the loader with its layout block and the device's header bytes. The stand-in has a layout block alone.
static void put_loader(uint8_t *flash, const struct sim_provision *provision, const struct oneslot_layout *layout) {
    static const uint8_t header[16] = {0xe9, 1, 0, 0, 0x00, 0xe0, 0x10, 0x40, 0x00, 0xe0, 0x10, 0x40, 0xe0, 0x0f};
    if (provision->loader) {
        memcpy(flash, provision->loader, provision->loader_size);
    } else {
        memcpy(flash, header, sizeof header);
    }
    flash[2] = provision->firmware[2];
    flash[3] = provision->firmware[3];
    memcpy(flash + ONESLOT_LAYOUT_ADDRESS, layout, sizeof *layout);
    uint32_t length = flash[12] | (uint32_t)flash[13] << 8;
    if (length > ONESLOT_SECTOR_SIZE - 32u) {
        return;
    }
    uint8_t checksum = 0xef;
    for (uint32_t i = 0; i < length; i++) {
        checksum ^= flash[16u + i];
    }
    flash[(16u + length) | 15u] = checksum;
}

static void add_region(struct oneslot_map *map, const char *label, uint8_t type, uint8_t subtype, uint32_t address,
                       uint32_t size) {
    struct oneslot_partition *partition = &map->partition[map->count++];
    memset(partition, 0, sizeof *partition);
    strncpy(partition->label, label, sizeof partition->label - 1);
    partition->type = type;
    partition->subtype = subtype;
    partition->address = address;
    partition->size = size;
}

static void make_map(struct oneslot_map *map, const struct sim_provision *provision,
                     const struct oneslot_layout *layout) {
    const uint8_t ours = ONESLOT_TYPE_ONESLOT;
    memset(map, 0, sizeof *map);
    add_region(map, "loader", ours, ONESLOT_SUBTYPE_LOADER, 0, ONESLOT_SECTOR_SIZE);
    add_region(map, "firmware", ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_FACTORY, ONESLOT_SECTOR_SIZE,
               layout->firmware - ONESLOT_SECTOR_SIZE);
    add_region(map, "displaced", ours, ONESLOT_SUBTYPE_DISPLACED, layout->displaced, ONESLOT_SECTOR_SIZE);
    add_region(map, "journal", ours, ONESLOT_SUBTYPE_JOURNAL, layout->journal, 2u * ONESLOT_SECTOR_SIZE);
    add_region(map, "map", ours, ONESLOT_SUBTYPE_MAP, layout->map, ONESLOT_SECTOR_SIZE);
    add_region(map, "installer", ours, ONESLOT_SUBTYPE_INSTALLER, layout->installer, ONESLOT_INSTALLER_SIZE);
    add_region(map, "vfs", ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_LITTLEFS, provision->fs_start, provision->fs_size);
    if (provision->fs_start + provision->fs_size + SYSTEM_SIZE <= provision->flash_size) {
        add_region(map, "system", ours, ONESLOT_SUBTYPE_SYSTEM, provision->flash_size - SYSTEM_SIZE, SYSTEM_SIZE);
    }
}

static void put_configuration(uint8_t *flash, const struct sim_provision *provision,
                              const struct oneslot_layout *layout) {
    struct oneslot_config config;
    memset(&config, 0, sizeof config);
    if (provision->watch) {
        memcpy(config.watch, provision->watch, strlen(provision->watch));
    }
    oneslot_config_seal(&config);
    memcpy(flash + layout->settings + ONESLOT_CONFIG_OFFSET, &config, sizeof config);
    if (provision->trust) {
        memcpy(flash + layout->settings + ONESLOT_TRUST_OFFSET, provision->trust, sizeof *provision->trust);
    }
}

static void put_firmware(uint8_t *flash, const struct sim_provision *provision, const struct oneslot_layout *layout) {
    uint32_t size = provision->firmware_size;
    uint32_t first = size < ONESLOT_SECTOR_SIZE ? size : ONESLOT_SECTOR_SIZE;
    memcpy(flash + layout->displaced, provision->firmware, first);
    memcpy(flash + first, provision->firmware + first, size - first);
}

static enum oneslot_error view_memory(void *context, struct oneslot_source *source, uint32_t offset, void *buffer,
                                      uint32_t length) {
    (void)source;
    memcpy(buffer, (const uint8_t *)context + offset, length);
    return ONESLOT_ERROR_NONE;
}

/// Looks at the image that begins at `target` of the firmware. What no kind is known of stays NONE.
static enum oneslot_image_kind kind_at(const struct sim_provision *provision, uint32_t target) {
    struct oneslot_source source;
    struct oneslot_image image;
    memset(&source, 0, sizeof source);
    memset(&image, 0, sizeof image);
    if (target >= provision->firmware_size) {
        return ONESLOT_IMAGE_NONE;
    }
    oneslot_source_set_view(&source, provision->firmware_size - target, view_memory,
                            (void *)(provision->firmware + target));
    return oneslot_image_probe(&image, &source) == ONESLOT_ERROR_NONE ? image.kind : ONESLOT_IMAGE_NONE;
}

/// What the journal knows of the image that runs, as `oneslot image` writes it.
static void describe_firmware(struct oneslot_record *record, const struct sim_provision *provision) {
    bool user1 = !provision->chip && kind_at(provision, ONESLOT_SECTOR_SIZE) == ONESLOT_IMAGE_USER1;
    uint32_t target = user1 ? ONESLOT_SECTOR_SIZE : 0;
    const uint8_t *bytes = provision->firmware + target;
    br_sha256_context sha256;
    record->installed_size = provision->firmware_size - target;
    record->installed_kind = (uint8_t)(provision->chip ? ONESLOT_IMAGE_ESP32 : kind_at(provision, target));
    oneslot_version_encode(record->installed_version, &provision->version);
    oneslot_version_encode(record->floor, &provision->version);
    memcpy(&record->installed_header, bytes, sizeof record->installed_header);
    br_sha256_init(&sha256);
    br_sha256_update(&sha256, bytes, record->installed_size);
    br_sha256_out(&sha256, record->installed);
}

static void put_parts(uint8_t *flash, const struct sim_provision *provision, const struct oneslot_layout *layout) {
    struct oneslot_map map;
    put_firmware(flash, provision, layout);
    put_loader(flash, provision, layout);
    make_map(&map, provision, layout);
    oneslot_map_write(&map, flash + layout->map);
}

/* The same on the ESP32 family. */

static struct oneslot_layout make_table_layout(const struct sim_provision *provision) {
    struct oneslot_layout layout = {.flags = provision->watch ? ONESLOT_LAYOUT_WATCH : 0,
                                    .flash_size = provision->flash_size,
                                    .application = SIM_TABLE_APPLICATION,
                                    .firmware = provision->reserved,
                                    .installer = provision->reserved,
                                    .otadata = provision->reserved + 0x10000u,
                                    .journal = provision->reserved + 0x12000u,
                                    .settings = provision->reserved + 0x14000u,
                                    .map = ONESLOT_TABLE_ADDRESS};
    oneslot_layout_seal(&layout);
    return layout;
}

static void make_table(struct oneslot_map *map, const struct sim_provision *provision,
                       const struct oneslot_layout *layout) {
    const uint8_t ours = ONESLOT_TYPE_ONESLOT;
    const uint8_t app = ONESLOT_TYPE_APP;
    const uint8_t data = ONESLOT_TYPE_DATA;
    memset(map, 0, sizeof *map);
    add_region(map, "nvs", data, 0x02, 0x9000u, 0x6000u);
    add_region(map, "phy_init", data, ONESLOT_SUBTYPE_DATA_PHY, 0xf000u, 0x1000u);
    add_region(map, "ota_0", app, ONESLOT_SUBTYPE_APP_OTA_0, layout->application,
               layout->firmware - layout->application);
    add_region(map, "installer", app, ONESLOT_SUBTYPE_APP_FACTORY, layout->installer, SIM_TABLE_INSTALLER_SIZE);
    add_region(map, "otadata", data, ONESLOT_SUBTYPE_DATA_OTA, layout->otadata, 2u * ONESLOT_SECTOR_SIZE);
    add_region(map, "journal", ours, ONESLOT_SUBTYPE_JOURNAL, layout->journal, 2u * ONESLOT_SECTOR_SIZE);
    add_region(map, "settings", ours, ONESLOT_SUBTYPE_MAP, layout->settings, ONESLOT_SECTOR_SIZE);
    add_region(map, "vfs", data, ONESLOT_SUBTYPE_DATA_LITTLEFS, provision->fs_start, provision->fs_size);
}

static void put_word(uint8_t *bytes, uint32_t value) {
    for (uint32_t i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

/// An image that a boot loader takes for an application, and no chip would run.
static void put_stand_in(uint8_t *bytes, uint16_t chip) {
    memset(bytes, 0, 304);
    bytes[0] = 0xe9;
    bytes[1] = 1;
    bytes[12] = (uint8_t)chip;
    bytes[13] = (uint8_t)(chip >> 8);
    put_word(bytes + 24, 0x50000000u); /* memory of the RTC, on every chip */
    put_word(bytes + 28, 256);
    put_word(bytes + 32, 0xabcd5432u);
    bytes[303] = 0xef ^ 0xab ^ 0xcd ^ 0x54 ^ 0x32;
}

/// Boot loader, nvs and phy_init: bytes that must stay.
static void put_vendor(uint8_t *flash) {
    for (uint32_t i = 0; i < BOOT_LOADER_SIZE; i++) {
        flash[0x1000u + i] = (uint8_t)(i * 7u + (i >> 8));
    }
    for (uint32_t i = 0x9000u; i < SIM_TABLE_APPLICATION; i++) {
        flash[i] = (uint8_t)(i * 13u + (i >> 7));
    }
}

static void put_table_parts(uint8_t *flash, const struct sim_provision *provision,
                            const struct oneslot_layout *layout) {
    struct oneslot_map map;
    make_table(&map, provision, layout);
    put_vendor(flash);
    oneslot_map_write(&map, flash + ONESLOT_TABLE_ADDRESS);
    memcpy(flash + layout->application, provision->firmware, provision->firmware_size);
    if (!provision->installer) {
        put_stand_in(flash + layout->installer, provision->chip->number);
    }
}

static bool fits_table(const struct sim_provision *provision) {
    return provision->firmware_size >= 16 && provision->reserved >= SIM_TABLE_APPLICATION &&
           provision->firmware_size <= provision->reserved - SIM_TABLE_APPLICATION &&
           provision->reserved % ONESLOT_BLOCK_SIZE == 0 &&
           provision->reserved + SIM_TABLE_RESERVED_SIZE <= provision->fs_start &&
           provision->fs_start < provision->flash_size && provision->fs_size > 0 &&
           provision->fs_size <= provision->flash_size - provision->fs_start &&
           (!provision->installer || provision->installer_size <= SIM_TABLE_INSTALLER_SIZE) &&
           (!provision->watch || strlen(provision->watch) <= ONESLOT_PATH_MAX);
}

static bool fits(const struct sim_provision *provision) {
    if (provision->chip) {
        return fits_table(provision);
    }
    return provision->firmware_size >= 16 && provision->firmware_size <= provision->reserved &&
           provision->reserved + SIM_RESERVED_SIZE <= provision->fs_start &&
           provision->fs_start < provision->flash_size && provision->fs_size > 0 &&
           provision->fs_size <= provision->flash_size - provision->fs_start &&
           (!provision->loader || provision->loader_size <= ONESLOT_SECTOR_SIZE) &&
           (!provision->installer || provision->installer_size <= ONESLOT_INSTALLER_SIZE) &&
           (!provision->watch || strlen(provision->watch) <= ONESLOT_PATH_MAX);
}

enum oneslot_error sim_provision(uint8_t *flash, const struct sim_provision *provision, struct oneslot_layout *layout) {
    struct sim_provision parts = with_defaults(provision);
    if (!fits(&parts)) {
        return ONESLOT_ERROR_ARGUMENT;
    }
    memset(flash, 0xff, parts.flash_size);
    struct oneslot_layout made = parts.chip ? make_table_layout(&parts) : make_layout(&parts);
    if (parts.chip) {
        put_table_parts(flash, &parts, &made);
    } else {
        put_parts(flash, &parts, &made);
    }
    if (parts.installer) {
        memcpy(flash + made.installer, parts.installer, parts.installer_size);
    }
    put_configuration(flash, &parts, &made);
    if (layout) {
        *layout = made;
    }

    enum oneslot_error error =
        sim_make_file_system(flash + parts.fs_start, parts.fs_size, parts.fs_block, parts.file, parts.files);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    struct oneslot_map map;
    error = oneslot_map_parse(&map, flash + made.map, ONESLOT_MAP_BYTES, parts.flash_size);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    struct sim_memory memory = {flash, parts.flash_size};
    struct oneslot_flash port = sim_memory_flash(&memory);
    if (parts.chip) {
        error = oneslot_otadata_write(&port, made.otadata, ONESLOT_OTA_UNDEFINED);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
    }
    struct oneslot_journal journal = {&port, made.journal};
    struct oneslot_record record;
    memset(&record, 0, sizeof record);
    record.state = ONESLOT_STATE_IDLE;
    describe_firmware(&record, &parts);
    return oneslot_journal_append(&journal, &record, NULL);
}
