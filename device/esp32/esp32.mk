# Installers for the ESP32 family, one for each chip: build/CHIP/installer.bin. The objects are the same for all chips of
# an instruction set; what a chip is like comes at the link, as its table (chips.c) and its memory plan (memory/CHIP.ld).

ESP32_ROOM := device/esp32
ESP32C3_ROOM := device/esp32c3
ESP32_XTENSA_CHIPS := esp32 esp32s2 esp32s3
ESP32_RISCV_CHIPS := esp32c3 esp32c2 esp32c6 esp32h2
ESP32_CHIPS := $(ESP32_XTENSA_CHIPS) $(ESP32_RISCV_CHIPS)

RVPREFIX ?= riscv64-unknown-elf-
RVCC := $(RVPREFIX)gcc

ESP32_CPPFLAGS := -Iinclude -I$(ESP32_ROOM) $(DEVICE_CPPFLAGS) -isystem $(LITTLEFS) -isystem $(BEARSSL)/inc \
    -isystem $(BEARSSL)/src $(LFS_FLAGS) -DLFS_READONLY -DLFS_NO_MALLOC
ESP32_CFLAGS := -std=c11 -Os -ffreestanding -ffunction-sections -fdata-sections -fno-common \
    -fno-tree-loop-distribute-patterns -fcallgraph-info=su $(WARNINGS) $(ESP32_CPPFLAGS)
ESP32_LDFLAGS := -nostdlib -Wl,--gc-sections -Wl,--fatal-warnings -Wl,--no-warn-rwx-segments

ESP32_C_SOURCES := $(addprefix $(ESP32_ROOM)/, installer.c flash_port.c console_port.c registers.c efuse.c) \
    $(addprefix $(DEVICE_ROOM)/, console.c screen.c strings.c) $(CORE_SOURCES) $(LITTLEFS_SOURCES) $(BEARSSL_SOURCES)
# The linker, the image and the compiler itself refer to these by name.
ESP32_PLAIN_SOURCES := $(addprefix $(ESP32_ROOM)/, chips.c descriptor.c memory_functions.c)

# $(1): name of the instruction set; $(2): compiler; $(3): its flags; $(4): sources in assembler; $(5): chips.
define ESP32_RULES
ESP32_$(1)_OBJECTS := $$(patsubst %,$(BUILD)/esp32/$(1)/%.o,$$(basename $(4) $(ESP32_C_SOURCES) $(ESP32_PLAIN_SOURCES)))

$$(ESP32_PLAIN_SOURCES:%.c=$(BUILD)/esp32/$(1)/%.o): ESP32_LTO := -fno-lto

$(BUILD)/esp32/$(1)/deps/%.o: $(DEPS)/%.c $(ESP32_ROOM)/esp32.mk
	@mkdir -p $$(@D)
	$$(call say,XCC,$$@)
	$$(Q)$(2) $(3) $(ESP32_CFLAGS) -flto -w $(DEPFLAGS) -c $$< -o $$@

$(BUILD)/esp32/$(1)/%.o: %.c $(ESP32_ROOM)/esp32.mk
	@mkdir -p $$(@D)
	$$(call say,XCC,$$@)
	$$(Q)$(2) $(3) $(ESP32_CFLAGS) -flto $$(ESP32_LTO) $(DEPFLAGS) -c $$< -o $$@

$(BUILD)/esp32/$(1)/%.o: %.S $(ESP32_ROOM)/esp32.mk
	@mkdir -p $$(@D)
	$$(call say,XCC,$$@)
	$$(Q)$(2) $(3) $(DEPFLAGS) -c $$< -o $$@

$(5:%=$(BUILD)/%/installer.elf): $(BUILD)/%/installer.elf: $$(ESP32_$(1)_OBJECTS) $(ESP32_ROOM)/installer.ld $(ESP32_ROOM)/memory/%.ld
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$$(Q)$(2) $(3) $(ESP32_CFLAGS) -flto $(ESP32_LDFLAGS) -u chip_$$* -Wl,--defsym=chip=chip_$$* \
	    -T $(ESP32_ROOM)/memory/$$*.ld -T $(ESP32_ROOM)/installer.ld -Wl,-Map=$$(@:.elf=.map) \
	    $$(ESP32_$(1)_OBJECTS) -lgcc -o $$@

-include $$(ESP32_$(1)_OBJECTS:.o=.d)
endef
$(eval $(call ESP32_RULES,xtensa,$(XCC),-mlongcalls,$(addprefix $(ESP32_ROOM)/, start.S rom_call.S divide.S),$(ESP32_XTENSA_CHIPS)))
$(eval $(call ESP32_RULES,riscv,$(RVCC),-march=rv32imc -mabi=ilp32 -mno-relax -mcmodel=medany,$(addprefix $(ESP32C3_ROOM)/, start.S rom_call.S),$(ESP32_RISCV_CHIPS)))

# The factory partition has 64 KiB; 4 KiB of it are kept free.
$(ESP32_CHIPS:%=$(BUILD)/%/installer.bin): %.bin: %.elf $(DEVICE_ROOM)/mkimage.py
	$(call say,IMAGE,$@)
	$(Q)python3 $(DEVICE_ROOM)/mkimage.py $< -o $@ --application --flash-size 0x20 --limit 61440

ALL += $(ESP32_CHIPS:%=$(BUILD)/%/installer.bin) $(BUILD)/esp32/sizes.txt

SIZE_ROOMS += esp32
# What the deepest of the ROM's functions takes, with the windows that it spills.
ESP32_ROM_STACK := 640
# As in installer.ld.
ESP32_STACK := 0x4000
$(BUILD)/esp32/sizes.txt: $(DEVICE_ROOM)/sizes.py $(ESP32_CHIPS:%=$(BUILD)/%/installer.bin)
	@mkdir -p $(@D)
	$(Q)python3 $(DEVICE_ROOM)/sizes.py --rom-stack $(ESP32_ROM_STACK) $(foreach chip,$(ESP32_CHIPS), \
	    $(chip):$(BUILD)/$(chip)/installer.elf:$(BUILD)/$(chip)/installer.bin:installer_main:$(BUILD)/$(chip)/installer.elf.ltrans0.ltrans.ci:$(ESP32_STACK)) > $@
