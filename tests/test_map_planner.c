/*
 * The planner of flash maps against the rules stated a second time, plainly, and against a search of its own for the
 * layouts that it says do not exist.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/map/flash_map.h"

#define SECTOR   0x1000u
#define MEGABYTE 0x100000u
#define WISHES   100000u

static uint64_t up(uint64_t value, uint64_t unit) {
    return (value + unit - 1) / unit * unit;
}

/* The rules, a second time. */

static uint32_t system_start(const struct flash_map_wishes *wishes) {
    if (wishes->chip != FLASH_MAP_ESP8266) {
        return wishes->flash_size;
    }
    return wishes->flash_size - (wishes->sdk == 1 ? 0x4000 : 0x5000);
}

static const struct oneslot_partition *region(const struct flash_map *map, const char *label) {
    return oneslot_map_find(&map->map, label);
}

static uint32_t end_of(const struct oneslot_partition *row) {
    return row->address + row->size;
}

static bool lies(const struct flash_map *map, const char *label, uint32_t address, uint32_t size) {
    const struct oneslot_partition *row = region(map, label);
    return row != NULL && row->address == address && row->size == size;
}

static bool has(const struct flash_map *map, const char *label, uint32_t size) {
    const struct oneslot_partition *row = region(map, label);
    return size == 0 ? row == NULL : row != NULL && row->size == size;
}

/// What holds for every map: sectors, order, no overlap, inside the flash, labels that are told apart.
static const char *broken_table(const struct flash_map *map) {
    uint64_t before = 0;
    for (uint32_t index = 0; index < map->map.count; index++) {
        const struct oneslot_partition *row = &map->map.partition[index];
        if (row->size == 0 || row->address % SECTOR != 0 || row->size % SECTOR != 0) {
            return "sectors";
        }
        if (row->address < before) {
            return "overlap or order";
        }
        before = (uint64_t)row->address + row->size;
        if (region(map, row->label) != row || row->label[0] == 0) {
            return "labels";
        }
    }
    return before <= map->flash_size ? NULL : "past the end";
}

static const char *broken_file_system(const struct flash_map *map, const struct flash_map_wishes *wishes) {
    const struct oneslot_partition *vfs = region(map, "vfs");
    if (vfs == NULL) {
        return wishes->file_system != 0 || wishes->file_system_at != 0 ? "no file system" : NULL;
    }
    if (vfs->size < 2 * SECTOR || vfs->size < wishes->file_system) {
        return "small file system";
    }
    if (wishes->file_system_at != 0 && vfs->address != wishes->file_system_at) {
        return "file system elsewhere";
    }
    return wishes->file_system_end == 0 || end_of(vfs) == wishes->file_system_end ? NULL : "file system ends elsewhere";
}

/// Oneslot's area: there in one piece when asked for, right behind the firmware when asked for low.
static const char *broken_reserved(const struct flash_map *map, const struct flash_map_wishes *wishes) {
    const struct oneslot_partition *displaced = region(map, "displaced");
    if (!wishes->oneslot) {
        return displaced == NULL && region(map, "loader") == NULL && region(map, "journal") == NULL &&
                       region(map, "map") == NULL && region(map, "installer") == NULL
                   ? NULL
                   : "Oneslot unasked";
    }
    if (displaced == NULL || displaced->size != SECTOR || !lies(map, "loader", 0, SECTOR) ||
        !lies(map, "journal", displaced->address + SECTOR, 2 * SECTOR) ||
        !lies(map, "map", displaced->address + 3 * SECTOR, SECTOR) ||
        !lies(map, "installer", displaced->address + 4 * SECTOR, 8 * SECTOR)) {
        return "Oneslot's parts";
    }
    return !wishes->low || displaced->address == end_of(region(map, "firmware")) ? NULL : "not low";
}

/// Where nothing has a place of its own, no executable sector is spent on what would have room beyond, and the file
/// system takes no more of them than it needs.
static const char *broken_economy(const struct flash_map *map, const struct flash_map_wishes *wishes) {
    uint64_t files = up(wishes->file_system > 2 * SECTOR ? wishes->file_system : 2 * SECTOR, SECTOR);
    uint64_t others = up(wishes->user, SECTOR) + (wishes->oneslot ? 12 * SECTOR : 0);
    uint32_t top = system_start(wishes);
    const struct oneslot_partition *vfs = region(map, "vfs");
    if (wishes->low || wishes->file_system_at != 0 || top <= MEGABYTE) {
        return NULL;
    }
    if (MEGABYTE + others + files > top) {
        return vfs == NULL || vfs->size == files ? NULL : "the file system has more than it needs";
    }
    const struct oneslot_partition *native = region(map, "native");
    if (end_of(region(map, "firmware")) + (native == NULL ? 0 : native->size) != MEGABYTE) {
        return "the firmware has not what is left";
    }
    return vfs->address == MEGABYTE && vfs->size == top - MEGABYTE - others ? NULL : "the file system has not the rest";
}

static const char *broken_esp8266(const struct flash_map *map, const struct flash_map_wishes *wishes) {
    const struct oneslot_partition *firmware = region(map, "firmware");
    const struct oneslot_partition *native = region(map, "native");
    uint32_t system = system_start(wishes);
    if (!lies(map, "system", system, wishes->flash_size - system)) {
        return "system sectors";
    }
    if (firmware == NULL || firmware->address != (wishes->oneslot ? SECTOR : 0) || end_of(firmware) > MEGABYTE) {
        return "firmware's place";
    }
    if (end_of(firmware) < (uint64_t)wishes->firmware + wishes->grow) {
        return "firmware's size";
    }
    if (!has(map, "native", (uint32_t)up(wishes->native, SECTOR)) || (native != NULL && end_of(native) > MEGABYTE)) {
        return "native code";
    }
    const char *broken = broken_reserved(map, wishes);
    return broken != NULL ? broken : broken_economy(map, wishes);
}

static const char *broken_esp32(const struct flash_map *map, const struct flash_map_wishes *wishes) {
    const struct oneslot_partition *app = region(map, wishes->oneslot ? "ota_0" : "factory");
    if (!lies(map, "nvs", 0x9000, 0x6000) || !lies(map, "phy_init", 0xf000, 0x1000) || region(map, "native") != NULL) {
        return "what every table begins with";
    }
    if (app == NULL || app->address != 0x10000 || app->type != 0 ||
        app->size < (uint64_t)wishes->firmware + wishes->grow) {
        return "application";
    }
    if (!wishes->oneslot) {
        return app->subtype == 0 && region(map, "journal") == NULL && region(map, "otadata") == NULL
                   ? NULL
                   : "Oneslot unasked";
    }
    const struct oneslot_partition *factory = region(map, "installer");
    if (app->subtype != 0x10 || factory == NULL || factory->type != 0 || factory->subtype != 0 ||
        factory->address % 0x10000 != 0 || factory->size != 0x10000 || !has(map, "journal", 2 * SECTOR) ||
        !has(map, "otadata", 2 * SECTOR) || !has(map, "settings", SECTOR)) {
        return "Oneslot's parts";
    }
    return !wishes->low || factory->address == end_of(app) ? NULL : "not low";
}

/// The first rule that a planned map breaks, or NULL.
static const char *broken(const struct flash_map *map, const struct flash_map_wishes *wishes) {
    const char *rule = broken_table(map);
    if (rule == NULL && (map->chip != wishes->chip || map->flash_size != wishes->flash_size)) {
        rule = "another chip";
    }
    if (rule == NULL && !has(map, "user", (uint32_t)up(wishes->user, SECTOR))) {
        rule = "user's sectors";
    }
    if (rule == NULL) {
        rule = broken_file_system(map, wishes);
    }
    if (rule == NULL) {
        rule = wishes->chip == FLASH_MAP_ESP8266 ? broken_esp8266(map, wishes) : broken_esp32(map, wishes);
    }
    return rule;
}

/* Is there a layout at all? All orders, each packed from the bottom. */

struct piece {
    uint64_t size;
    uint64_t align;
    uint64_t limit;
    uint64_t at;  ///< its one place; 0 = anywhere
    uint64_t end; ///< where it must end; 0 = behind `size`
    bool used;
};

static bool pack(struct piece *piece, unsigned count, uint64_t from, uint64_t top) {
    bool all = true;
    for (unsigned index = 0; index < count; index++) {
        if (piece[index].used) {
            continue;
        }
        all = false;
        uint64_t start = piece[index].at != 0 ? piece[index].at : up(from, piece[index].align);
        uint64_t end = piece[index].end != 0 ? piece[index].end : start + piece[index].size;
        if (start < from || end < start + piece[index].size || end > piece[index].limit || end > top) {
            continue;
        }
        piece[index].used = true;
        bool found = pack(piece, count, end, top);
        piece[index].used = false;
        if (found) {
            return true;
        }
    }
    return all && from <= top;
}

static bool layout_exists(const struct flash_map_wishes *wishes) {
    bool esp8266 = wishes->chip == FLASH_MAP_ESP8266;
    bool ends = wishes->oneslot && !wishes->low;
    uint64_t top = system_start(wishes);
    uint64_t from = (esp8266 ? 0 : 0x10000) + up((uint64_t)wishes->firmware + wishes->grow, SECTOR);
    if (esp8266 && wishes->oneslot && from == SECTOR) {
        from = 2 * SECTOR; // the loader has the first
    }
    if (esp8266 && from > MEGABYTE) {
        return false;
    }
    if (wishes->oneslot && wishes->low) {
        from = esp8266 ? from + 12 * SECTOR : up(from, 0x10000) + 0x10000 + 5 * SECTOR;
    }
    struct piece all[] = {
        {.size = ends && esp8266 ? 12 * SECTOR : 0, .align = SECTOR, .limit = top},
        {.size = ends && !esp8266 ? 0x10000 : 0, .align = 0x10000, .limit = top},
        {.size = ends && !esp8266 ? 2 * SECTOR : 0, .align = SECTOR, .limit = top},
        {.size = ends && !esp8266 ? 2 * SECTOR : 0, .align = SECTOR, .limit = top},
        {.size = ends && !esp8266 ? SECTOR : 0, .align = SECTOR, .limit = top},
        {.size = up(wishes->user, SECTOR), .align = SECTOR, .limit = top},
        {.size = up(wishes->native, SECTOR), .align = SECTOR, .limit = MEGABYTE},
        {.size = up(wishes->file_system, SECTOR),
         .align = SECTOR,
         .limit = top,
         .at = wishes->file_system_at,
         .end = wishes->file_system_end},
    };
    struct piece *vfs = &all[sizeof all / sizeof all[0] - 1];
    if ((vfs->size != 0 || vfs->at != 0) && vfs->size < 2 * SECTOR) {
        vfs->size = 2 * SECTOR;
    }
    struct piece wanted[sizeof all / sizeof all[0]];
    unsigned count = 0;
    uint64_t sum = from;
    for (size_t index = 0; index < sizeof all / sizeof all[0]; index++) {
        if (all[index].size != 0) {
            wanted[count++] = all[index];
            sum += all[index].size;
        }
    }
    return sum <= top && pack(wanted, count, from, top);
}

/* Wishes, sensible and silly. */

static uint64_t state;

static uint32_t draw(uint32_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 16) % below);
}

/// Mostly sectors, at times any bytes, seldom more than any flash.
static uint32_t draw_size(uint32_t below) {
    switch (draw(40)) {
    case 0:
        return UINT32_MAX - draw(SECTOR);
    case 1:
    case 2:
    case 3:
        return draw(below);
    default:
        return draw(below / SECTOR + 1) * SECTOR;
    }
}

static uint32_t draw_wish(uint32_t below) {
    return draw(2) == 0 ? 0 : draw_size(below);
}

static void draw_file_system(struct flash_map_wishes *wishes) {
    uint32_t flash = wishes->flash_size < 2 * SECTOR ? 2 * SECTOR : wishes->flash_size;
    wishes->file_system = draw_wish(draw(2) == 0 ? flash : flash / 4);
    if (draw(3) != 0) {
        return;
    }
    wishes->file_system_at = draw(30) == 0 ? draw(flash) : (1 + draw(flash / SECTOR)) * SECTOR;
    if (draw(4) == 0) {
        uint32_t room = flash > wishes->file_system_at ? flash - wishes->file_system_at : SECTOR;
        wishes->file_system_end = wishes->file_system_at + draw(room / SECTOR + 2) * SECTOR;
    }
}

static struct flash_map_wishes draw_wishes(void) {
    bool esp8266 = draw(3) != 0;
    struct flash_map_wishes wishes = {
        .chip = esp8266 ? FLASH_MAP_ESP8266 : (enum flash_map_chip)(1 + draw(FLASH_MAP_CHIPS)),
        .flash_size = 0x80000u << draw(6),
        .sdk = (uint8_t)(draw(50) == 0 ? draw(9) : draw(4)),
        .oneslot = draw(3) != 0,
        .low = draw(3) == 0,
    };
    if (draw(50) == 0) {
        wishes.flash_size = draw(2) == 0 ? draw(UINT32_MAX) : draw(40) * (MEGABYTE / 4);
    }
    uint32_t half = wishes.flash_size / 2 + SECTOR;
    wishes.firmware = draw_size(esp8266 && half > 0xc0000 ? 0xc0000 : half);
    wishes.grow = draw_wish(draw(4) == 0 ? MEGABYTE : 0x40000);
    wishes.native = esp8266 || draw(20) == 0 ? draw_wish(draw(4) == 0 ? MEGABYTE : 0x20000) : 0;
    wishes.user = draw_wish(draw(4) == 0 ? MEGABYTE : 0x10000);
    draw_file_system(&wishes);
    return wishes;
}

static void print_wishes(const struct flash_map_wishes *wishes) {
    print_error("%s flash 0x%x sdk %u firmware 0x%x grow 0x%x native 0x%x user 0x%x fs-min 0x%x at 0x%x to 0x%x%s%s\n",
                flash_map_chip_text(wishes->chip), wishes->flash_size, wishes->sdk, wishes->firmware, wishes->grow,
                wishes->native, wishes->user, wishes->file_system, wishes->file_system_at, wishes->file_system_end,
                wishes->oneslot ? "" : " no-oneslot", wishes->low ? " low" : "");
}

static void print_map(const struct flash_map *map) {
    for (uint32_t index = 0; index < map->map.count; index++) {
        const struct oneslot_partition *row = &map->map.partition[index];
        print_error("  %-10s 0x%07x 0x%07x\n", row->label, row->address, end_of(row));
    }
}

/* What a refusal says is so. */

static bool plans(const struct flash_map_wishes *wishes) {
    struct flash_map map;
    struct flash_map_finding refusal;
    return flash_map_plan(&map, wishes, &refusal);
}

static uint32_t *named(struct flash_map_wishes *wishes, const char *option) {
    return strcmp(option, "--grow") == 0     ? &wishes->grow
           : strcmp(option, "--fs-min") == 0 ? &wishes->file_system
           : strcmp(option, "--user") == 0   ? &wishes->user
           : strcmp(option, "--native") == 0 ? &wishes->native
                                             : NULL;
}

/// One option ("--grow 0x3000", or several with " with " between): what it names is enough, a byte more of any is not.
/// Returns where it ends, NULL when it is wrong; `given` receives the bytes given up.
static const char *check_option(const char *text, const struct flash_map_wishes *wishes, uint32_t *given) {
    struct flash_map_wishes less = *wishes;
    uint32_t *wish[4];
    unsigned wish_count = 0;
    uint64_t sum = 0;
    for (bool more = true; more;) {
        char option[16];
        unsigned value;
        int length;
        if (wish_count == 4 || sscanf(text, "%15s 0x%x%n", option, &value, &length) != 2) {
            return NULL;
        }
        wish[wish_count] = named(&less, option);
        if (wish[wish_count] == NULL || *wish[wish_count] <= value) {
            return NULL;
        }
        sum += *wish[wish_count] - value;
        *wish[wish_count++] = value;
        text += length;
        more = strncmp(text, " with ", 6) == 0;
        text += more ? 6 : 0;
    }
    *given = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
    bool enough = plans(&less);
    for (unsigned index = 0; index < wish_count; index++) {
        ++*wish[index];
        enough = enough && !plans(&less);
        --*wish[index];
    }
    return enough ? text : NULL;
}

static bool check_options(const struct flash_map_finding *refusal, const struct flash_map_wishes *wishes) {
    const char *text = strstr(refusal->text, "ask for ");
    if (text == NULL) {
        return true;
    }
    text += strlen("ask for ");
    for (bool first = true;; first = false) {
        uint32_t given;
        text = check_option(text, wishes, &given);
        if (text == NULL || (first && given != refusal->length)) {
            return false;
        }
        if (strncmp(text, ", or --", 7) != 0) {
            return text[0] == 0 || text[0] == ';';
        }
        text += 5;
    }
}

static bool check_others(const struct flash_map_finding *refusal, const struct flash_map_wishes *wishes) {
    struct flash_map_wishes other = *wishes;
    const char *text = strstr(refusal->text, "firmware may have 0x");
    unsigned value;
    if (text != NULL) {
        if (sscanf(text, "firmware may have 0x%x", &value) != 1 || wishes->firmware - value != refusal->length) {
            return false;
        }
        other.firmware = value;
        other.grow = other.native = other.user = other.file_system = 0;
        if (!plans(&other) || (++other.firmware, plans(&other))) {
            return false;
        }
    }
    other = *wishes;
    if (strstr(refusal->text, "--reserve low") != NULL && (other.low = false, !plans(&other))) {
        return false;
    }
    other = *wishes;
    text = strstr(refusal->text, "put the file system at 0x");
    if (text != NULL) {
        if (sscanf(text, "put the file system at 0x%x", &value) != 1) {
            return false;
        }
        other.file_system_at = value;
        if (!plans(&other)) {
            return false;
        }
        other.file_system_at += value > wishes->file_system_at ? -SECTOR : SECTOR;
        if (plans(&other)) {
            return false;
        }
    }
    other = *wishes;
    other.oneslot = other.low = false;
    if (strstr(refusal->text, "--no-oneslot") != NULL && !plans(&other)) {
        return false;
    }
    other = *wishes;
    text = strstr(refusal->text, "take a flash of ");
    if (text != NULL) {
        other.flash_size = (uint32_t)strtoul(text + strlen("take a flash of "), NULL, 10) * MEGABYTE;
        if (!plans(&other) || (other.flash_size /= 2, plans(&other))) {
            return false;
        }
    }
    return true;
}

/// Wishes that are wrong by themselves, whatever the room.
static bool silly(const struct flash_map_wishes *wishes) {
    bool esp8266 = wishes->chip == FLASH_MAP_ESP8266;
    uint32_t flash = wishes->flash_size;
    if (wishes->chip >= FLASH_MAP_CHIPS || flash < (esp8266 ? 0x80000 : MEGABYTE) || (flash & (flash - 1)) != 0 ||
        flash > 16 * MEGABYTE || (wishes->oneslot && !flash_map_chip_served(wishes->chip))) {
        return true;
    }
    return wishes->sdk > 3 || wishes->firmware == 0 || (!esp8266 && wishes->native != 0) ||
           wishes->file_system_at % SECTOR != 0 || wishes->file_system_end % SECTOR != 0;
}

/// Plans one set of wishes and checks all that is promised. Returns what is wrong, or NULL.
static const char *try_wishes(const struct flash_map_wishes *wishes, struct flash_map *map, bool *planned) {
    struct flash_map_finding refusal;
    memset(&refusal, 0xa5, sizeof refusal);
    *planned = flash_map_plan(map, wishes, &refusal);
    if (*planned) {
        static struct flash_map_finding findings[FLASH_MAP_FINDINGS];
        size_t found = flash_map_check(map, findings);
        for (size_t index = 0; index < found && index < FLASH_MAP_FINDINGS; index++) {
            if (findings[index].weight != FLASH_MAP_ADVICE) {
                print_error("%s: %s\n", findings[index].rule, findings[index].text);
                return "the check finds fault";
            }
        }
        return silly(wishes) ? "planned what is silly" : broken(map, wishes);
    }
    size_t length = strnlen(refusal.text, sizeof refusal.text);
    if (refusal.rule == NULL || refusal.rule[0] == 0 || length < 20 || length + 1 >= sizeof refusal.text) {
        return "a refusal without its sentence";
    }
    if (silly(wishes)) {
        return NULL;
    }
    if (layout_exists(wishes)) {
        return "refused, and a layout exists";
    }
    if (!check_options(&refusal, wishes) || !check_others(&refusal, wishes)) {
        return "the refusal names what does not help";
    }
    return NULL;
}

static void each_of_many_wishes_is_planned_by_all_rules_or_refused_with_the_truth(void **unused) {
    (void)unused;
    static struct flash_map map;
    state = 88172645463325252u;
    unsigned plans_made = 0;
    for (unsigned round = 0; round < WISHES; round++) {
        struct flash_map_wishes wishes = draw_wishes();
        bool planned;
        const char *wrong = try_wishes(&wishes, &map, &planned);
        plans_made += planned;
        if (wrong != NULL) {
            struct flash_map_finding refusal = {.text = ""};
            print_wishes(&wishes);
            if (flash_map_plan(&map, &wishes, &refusal)) {
                print_map(&map);
            }
            fail_msg("wishes %u: %s: %s", round, wrong, refusal.text);
        }
    }
    // Neither planning nor refusing is tested by accident only.
    assert_in_range(plans_made, WISHES / 4, WISHES * 3 / 4);
}

static void a_region_that_is_shifted_by_a_sector_is_caught(void **unused) {
    (void)unused;
    static struct flash_map map;
    static struct flash_map planted;
    state = 2463534242u;
    unsigned shifted = 0;
    for (unsigned round = 0; round < 5000; round++) {
        struct flash_map_wishes wishes = draw_wishes();
        struct flash_map_finding refusal;
        if (!flash_map_plan(&map, &wishes, &refusal)) {
            continue;
        }
        for (uint32_t index = 0; index < map.map.count; index++) {
            uint32_t next = index + 1 < map.map.count ? map.map.partition[index + 1].address : map.flash_size;
            if (end_of(&map.map.partition[index]) != next) {
                continue;
            }
            planted = map;
            planted.map.partition[index].address += SECTOR;
            assert_non_null(broken(&planted, &wishes));
            shifted++;
        }
    }
    assert_true(shifted > 5000);
}

static void a_region_of_another_size_is_caught(void **unused) {
    (void)unused;
    static struct flash_map map;
    struct flash_map_finding refusal;
    struct flash_map_wishes wishes = {.chip = FLASH_MAP_ESP8266,
                                      .flash_size = 4 * MEGABYTE,
                                      .firmware = 0xe0000,
                                      .grow = 0x18000,
                                      .native = 0x8000,
                                      .user = 0x4000,
                                      .file_system = 0x2eb000,
                                      .oneslot = true};
    assert_true(flash_map_plan(&map, &wishes, &refusal));
    assert_null(broken(&map, &wishes));
    for (uint32_t index = 0; index < map.map.count; index++) {
        map.map.partition[index].size -= SECTOR;
        if (broken(&map, &wishes) == NULL) {
            fail_msg("a smaller %s is not caught", map.map.partition[index].label);
        }
        map.map.partition[index].size += SECTOR;
    }
}

/* Known answers. */

static void expect_rows(const struct flash_map *map, const struct oneslot_partition *rows, size_t count) {
    bool same = map->map.count == count;
    for (size_t index = 0; same && index < count; index++) {
        const struct oneslot_partition *row = &map->map.partition[index];
        same = row->address == rows[index].address && row->size == rows[index].size && row->type == rows[index].type &&
               row->subtype == rows[index].subtype && strcmp(row->label, rows[index].label) == 0;
    }
    if (!same) {
        print_map(map);
        fail();
    }
}

static void the_map_that_was_asked_for_is_what_its_wishes_give(void **unused) {
    (void)unused;
    static struct flash_map map;
    struct flash_map_finding refusal;
    const struct flash_map *asked = flash_map_preset_named("sdk2-90000");
    struct flash_map_wishes wishes = {.chip = FLASH_MAP_ESP8266,
                                      .flash_size = MEGABYTE,
                                      .sdk = 2,
                                      .firmware = 514 * 1024,
                                      .grow = 2 * SECTOR,
                                      .native = 32 * 1024,
                                      .user = 4 * SECTOR,
                                      .file_system_at = 0x90000};
    assert_non_null(asked);
    assert_true(flash_map_plan(&map, &wishes, &refusal));
    expect_rows(&map, asked->map.partition, asked->map.count);
    // Left to itself the planner puts the file system there too: the next boundary of erase blocks.
    wishes.file_system_at = 0;
    assert_true(flash_map_plan(&map, &wishes, &refusal));
    expect_rows(&map, asked->map.partition, asked->map.count);
}

static void stock_micropython_with_oneslot_is_laid_out_as_oneslot_image_does(void **unused) {
    (void)unused;
    static struct flash_map map;
    struct flash_map_finding refusal;
    const struct flash_map *stock = flash_map_preset_named("oneslot-micropython-4m");
    struct flash_map_wishes wishes = {.chip = FLASH_MAP_ESP8266,
                                      .flash_size = 4 * MEGABYTE,
                                      .sdk = 2,
                                      .firmware = 636000,
                                      .grow = 0x10000,
                                      .file_system_at = MEGABYTE,
                                      .file_system_end = 0x3fb000,
                                      .oneslot = true};
    assert_non_null(stock);
    assert_true(flash_map_plan(&map, &wishes, &refusal));
    expect_rows(&map, stock->map.partition, stock->map.count);
}

static void beyond_the_first_megabyte_lies_all_that_need_not_be_executable(void **unused) {
    (void)unused;
    static struct flash_map map;
    struct flash_map_finding refusal;
    struct flash_map_wishes wishes = {.chip = FLASH_MAP_ESP8266,
                                      .flash_size = 2 * MEGABYTE,
                                      .firmware = 600000,
                                      .native = 0x8000,
                                      .user = 0x4000,
                                      .oneslot = true};
    assert_true(flash_map_plan(&map, &wishes, &refusal));
    assert_true(lies(&map, "firmware", 0x1000, 0xf7000));
    assert_true(lies(&map, "native", 0xf8000, 0x8000));
    assert_true(lies(&map, "vfs", 0x100000, 0xeb000));
    assert_true(lies(&map, "user", 0x1eb000, 0x4000));
    assert_true(lies(&map, "displaced", 0x1ef000, 0x1000));
    assert_true(lies(&map, "system", 0x1fb000, 0x5000));
}

static void a_refusal_says_in_bytes_what_would_have_to_give(void **unused) {
    (void)unused;
    static struct flash_map map;
    struct flash_map_finding refusal;
    struct flash_map_wishes wishes = {.chip = FLASH_MAP_ESP8266,
                                      .flash_size = MEGABYTE,
                                      .firmware = 0x80800,
                                      .grow = 0x70000,
                                      .native = 0x20000,
                                      .oneslot = true};
    assert_false(flash_map_plan(&map, &wishes, &refusal));
    assert_int_equal(refusal.length, 0x70000 - 0x4e800);
    assert_non_null(strstr(refusal.text, "0x21800 bytes too many"));
    assert_non_null(strstr(refusal.text, "--grow 0x4e800"));
}

static void the_same_wishes_give_the_same_map(void **unused) {
    (void)unused;
    static struct flash_map one;
    static struct flash_map other;
    struct flash_map_finding refusal;
    struct flash_map_wishes wishes = {
        .chip = FLASH_MAP_ESP32C3, .flash_size = 4 * MEGABYTE, .firmware = 1700000, .user = 0x3000, .oneslot = true};
    memset(&one, 0x55, sizeof one);
    memset(&other, 0xaa, sizeof other);
    assert_true(flash_map_plan(&one, &wishes, &refusal));
    assert_true(flash_map_plan(&other, &wishes, &refusal));
    expect_rows(&other, one.map.partition, one.map.count);
    assert_int_equal(one.map.partition[2].address, 0x10000);
}

static void an_esp32_gets_the_layout_of_oneslot_image(void **unused) {
    (void)unused;
    static struct flash_map map;
    struct flash_map_finding refusal;
    struct flash_map_wishes wishes = {.chip = FLASH_MAP_ESP32,
                                      .flash_size = 4 * MEGABYTE,
                                      .firmware = 1700000,
                                      .file_system_at = 2 * MEGABYTE,
                                      .oneslot = true};
    static const struct oneslot_partition ROWS[] = {
        {.label = "nvs", .type = 1, .subtype = 2, .address = 0x9000, .size = 0x6000},
        {.label = "phy_init", .type = 1, .subtype = 1, .address = 0xf000, .size = 0x1000},
        {.label = "ota_0", .type = 0, .subtype = 0x10, .address = 0x10000, .size = 0x1d0000},
        {.label = "installer", .type = 0, .subtype = 0, .address = 0x1e0000, .size = 0x10000},
        {.label = "otadata", .type = 1, .subtype = 0, .address = 0x1f0000, .size = 0x2000},
        {.label = "journal", .type = 0x40, .subtype = 2, .address = 0x1f2000, .size = 0x2000},
        {.label = "settings", .type = 0x40, .subtype = 3, .address = 0x1f4000, .size = 0x1000},
        {.label = "vfs", .type = 1, .subtype = 0x83, .address = 0x200000, .size = 0x200000},
    };
    assert_true(flash_map_plan(&map, &wishes, &refusal));
    expect_rows(&map, ROWS, sizeof ROWS / sizeof ROWS[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_of_many_wishes_is_planned_by_all_rules_or_refused_with_the_truth),
        cmocka_unit_test(a_region_that_is_shifted_by_a_sector_is_caught),
        cmocka_unit_test(a_region_of_another_size_is_caught),
        cmocka_unit_test(the_map_that_was_asked_for_is_what_its_wishes_give),
        cmocka_unit_test(stock_micropython_with_oneslot_is_laid_out_as_oneslot_image_does),
        cmocka_unit_test(beyond_the_first_megabyte_lies_all_that_need_not_be_executable),
        cmocka_unit_test(a_refusal_says_in_bytes_what_would_have_to_give),
        cmocka_unit_test(the_same_wishes_give_the_same_map),
        cmocka_unit_test(an_esp32_gets_the_layout_of_oneslot_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
