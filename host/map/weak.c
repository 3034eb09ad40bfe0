// Stand-ins until the rooms' files are there; not committed.
#include "host/map/flash_map.h"
#define WEAK __attribute__((weak))
WEAK const struct flash_map_rule *flash_map_rule(size_t index) {
    (void)index;
    return NULL;
}
WEAK size_t flash_map_check(const struct flash_map *map, struct flash_map_finding *findings) {
    (void)map;
    (void)findings;
    return 0;
}
WEAK uint32_t flash_map_system_size(uint8_t sdk) {
    return sdk == 1 ? 0x4000 : 0x5000;
}
WEAK bool flash_map_plan(struct flash_map *map, const struct flash_map_wishes *wishes,
                         struct flash_map_finding *refusal) {
    (void)map;
    (void)wishes;
    (void)refusal;
    return false;
}
WEAK void flash_map_draw(FILE *out, const struct flash_map *map, const struct flash_map *other, unsigned width,
                         bool colour) {
    (void)out;
    (void)map;
    (void)other;
    (void)width;
    (void)colour;
}
WEAK bool flash_map_draw_svg(FILE *out, const struct flash_map *map, const struct flash_map *other) {
    (void)out;
    (void)map;
    (void)other;
    return false;
}
