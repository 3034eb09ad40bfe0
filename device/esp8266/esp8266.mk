# Loader and installer for the ESP8266. Code, data and stack of each are counted in device/esp8266/SIZES.

ESP := $(BUILD)/esp8266
ESP_ROOM := device/esp8266
ESP_CPPFLAGS := -Iinclude -I$(ESP_ROOM) -isystem $(ESP_ROOM)/include -isystem $(LITTLEFS) -isystem $(BEARSSL)/inc \
    -isystem $(BEARSSL)/src $(LFS_FLAGS) -DLFS_READONLY -DLFS_NO_MALLOC
ESP_CFLAGS := -std=c11 -Os -ffreestanding -mlongcalls -ffunction-sections -fdata-sections -fno-common \
    -fno-tree-loop-distribute-patterns -fstack-usage $(WARNINGS) $(ESP_CPPFLAGS)
# Constants of the loader are read as words: no table of jumps, no constant that is an array of bytes.
ESP_LOADER_CFLAGS := -fno-jump-tables -fno-tree-switch-conversion
ESP_LDFLAGS := -nostdlib -Wl,--gc-sections -Wl,--fatal-warnings

ESP_LOADER_SOURCES := $(addprefix $(ESP_ROOM)/, start_loader.S loader.c segments.c flash_port.c console.c) \
    $(addprefix core/, flash.c layout.c journal.c boot.c)
ESP_INSTALLER_SOURCES := $(addprefix $(ESP_ROOM)/, start_installer.S installer.c flash_port.c console.c strings.c) \
    $(CORE_SOURCES) $(LITTLEFS_SOURCES) $(BEARSSL_SOURCES)
esp_objects = $(patsubst %,$(ESP)/$(1)/%.o,$(basename $(2)))
ESP_LOADER_OBJECTS := $(call esp_objects,loader,$(ESP_LOADER_SOURCES))
ESP_INSTALLER_OBJECTS := $(call esp_objects,installer,$(ESP_INSTALLER_SOURCES))

# Fetched sources come from $(DEPS), whatever $(BUILD) is called.
define ESP_RULES
$(ESP)/$(1)/deps/%.o: $(DEPS)/%.c
	@mkdir -p $$(@D)
	$(XCC) $(ESP_CFLAGS) -w $(DEPFLAGS) -c $$< -o $$@

$(ESP)/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$(XCC) $(ESP_CFLAGS) $(2) $(DEPFLAGS) -c $$< -o $$@

$(ESP)/$(1)/%.o: %.S
	@mkdir -p $$(@D)
	$(XCC) $(ESP_CPPFLAGS) $(DEPFLAGS) -c $$< -o $$@

$(ESP)/$(1).ld: $(ESP_ROOM)/$(1).ld.in $(ESP_ROOM)/memory.h
	@mkdir -p $$(@D)
	$(XCC) -E -P -x c -I$(ESP_ROOM) $$< -o $$@
endef
$(eval $(call ESP_RULES,loader,$(ESP_LOADER_CFLAGS)))
$(eval $(call ESP_RULES,installer,))

$(ESP)/loader.elf: $(ESP_LOADER_OBJECTS) $(ESP)/loader.ld $(ESP_ROOM)/rom.ld
	$(XCC) $(ESP_LDFLAGS) -T $(ESP)/loader.ld -Wl,-Map=$(@:.elf=.map) $(ESP_LOADER_OBJECTS) -lgcc -o $@
	$(ESP_ROOM)/check_loader $(XOBJDUMP) $@

$(ESP)/installer.elf: $(ESP_INSTALLER_OBJECTS) $(ESP)/installer.ld $(ESP_ROOM)/rom.ld
	$(XCC) $(ESP_LDFLAGS) -T $(ESP)/installer.ld -Wl,-Map=$(@:.elf=.map) $(ESP_INSTALLER_OBJECTS) -lgcc -o $@

ESP_MKIMAGE := $(ESP_ROOM)/mkimage.py
$(ESP)/loader.bin: $(ESP)/loader.elf $(ESP_MKIMAGE)
	python3 $(ESP_MKIMAGE) $< -o $@ --limit 4096

$(ESP)/installer.bin: $(ESP)/installer.elf $(ESP_MKIMAGE)
	python3 $(ESP_MKIMAGE) $< -o $@ --limit 32768

ALL += $(ESP)/loader.bin $(ESP)/installer.bin

-include $(patsubst %.o,%.d,$(ESP_LOADER_OBJECTS) $(ESP_INSTALLER_OBJECTS))
