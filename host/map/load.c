#include <stdlib.h>
#include <string.h>

#include "host/map/flash_map.h"

bool flash_map_load(struct flash_map *map, const char *what, const struct flash_map_hints *hints, char *reason) {
    (void)hints;
    const struct flash_map *preset = flash_map_preset_named(what);
    if (preset == NULL) {
        snprintf(reason, FLASH_MAP_TEXT, "%s: not yet", what);
        return false;
    }
    *map = *preset;
    return true;
}

void flash_map_free(struct flash_map *map) {
    free(map->bytes);
    map->bytes = NULL;
    map->size = 0;
}
