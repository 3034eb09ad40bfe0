# Flash maps as a library, for unit tests: what lies here but the commands, and the parts of the host that it uses.

LIBMAP := $(BUILD)/host/libmap.a
ASAN_LIBMAP := $(BUILD)/asan/libmap.a
LIBMAP_SOURCES := $(filter-out host/map/cmd_%.c host/map/weak.c,$(sort $(wildcard host/map/*.c))) \
    $(addprefix host/,claims.c esp32.c esp32_rollback.c file.c file_system.c firmware.c firmware_header.c fit.c fit_esp32.c flash_file.c json.c \
    map_csv.c option.c output.c plan.c ram_flash.c size.c terminal.c tool.c) \
    $(addprefix host/pack/,package_file.c version_text.c)

$(LIBMAP): $(call host_objects,$(LIBMAP_SOURCES))
	$(archive)

$(ASAN_LIBMAP): $(call asan_objects,$(LIBMAP_SOURCES))
	$(archive)
