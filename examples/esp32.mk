# The example firmware for the ESP32 family, version 1 and 2: build/CHIP/firmware-v1.bin. It is built of the installer's
# port, for the chips in EXAMPLE_XTENSA and EXAMPLE_RISCV.

EXAMPLE_XTENSA := esp32 esp32s3
EXAMPLE_RISCV := esp32c3

EXAMPLE_ESP32_ROOM := examples/upgrade/esp32
EXAMPLE_ESP32_SOURCES := $(addprefix $(EXAMPLE_ROOM)/, table.S firmware.c esp32/platform.c esp32/descriptor.c) \
    $(addprefix $(ESP32_ROOM)/, flash_port.c console_port.c registers.c) $(ESP32_PLAIN_SOURCES) \
    $(addprefix $(DEVICE_ROOM)/, console.c strings.c) $(EXAMPLE_CORE) \
    $(addprefix core/, api_table.c layout_table.c map.c md5.c otadata.c) \
    $(filter %/md5.c %/dec32le.c %/enc32le.c %/enc64le.c,$(BEARSSL_SOURCES))
# The installer has a descriptor of its own.
EXAMPLE_ESP32_SOURCES := $(filter-out $(ESP32_ROOM)/descriptor.c,$(EXAMPLE_ESP32_SOURCES))
EXAMPLE_ESP32_CFLAGS := $(ESP32_CFLAGS) -I$(EXAMPLE_ROOM) -fno-lto

# $(1): chip; $(2): version; $(3): compiler with its flags; $(4): the port's sources in assembler.
define EXAMPLE_ESP32_RULES
EXAMPLE_OBJECTS_$(1)_$(2) := $$(patsubst %,$(EXAMPLE)/$(1)-v$(2)/%.o,$$(basename $(4) $(EXAMPLE_ESP32_SOURCES)))

$(EXAMPLE)/$(1)-v$(2)/deps/%.o: $(DEPS)/%.c examples/esp32.mk
	@mkdir -p $$(@D)
	$$(call say,XCC,$$@)
	$$(Q)$(3) $(EXAMPLE_ESP32_CFLAGS) -w $(DEPFLAGS) -c $$< -o $$@

$(EXAMPLE)/$(1)-v$(2)/%.o: %.c examples/esp32.mk
	@mkdir -p $$(@D)
	$$(call say,XCC,$$@)
	$$(Q)$(3) $(EXAMPLE_ESP32_CFLAGS) -DVERSION=$(2) $(DEPFLAGS) -c $$< -o $$@

$(EXAMPLE)/$(1)-v$(2)/%.o: %.S examples/esp32.mk
	@mkdir -p $$(@D)
	$$(call say,XCC,$$@)
	$$(Q)$(3) -I$(EXAMPLE_ROOM) -DVERSION=$(2) $(DEPFLAGS) -c $$< -o $$@

$(BUILD)/$(1)/firmware-v$(2).elf: $$(EXAMPLE_OBJECTS_$(1)_$(2)) $(EXAMPLE_ESP32_ROOM)/firmware.ld \
    $(ESP32_ROOM)/memory/$(1).ld
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$$(Q)$(3) $(ESP32_LDFLAGS) -u chip_$(1) -Wl,--defsym=chip=chip_$(1) -T $(ESP32_ROOM)/memory/$(1).ld \
	    -T $(EXAMPLE_ESP32_ROOM)/firmware.ld -Wl,-Map=$$(@:.elf=.map) $$(EXAMPLE_OBJECTS_$(1)_$(2)) -lgcc -o $$@

$(BUILD)/$(1)/firmware-v$(2).bin: $(BUILD)/$(1)/firmware-v$(2).elf $(DEVICE_ROOM)/mkimage.py
	$$(call say,IMAGE,$$@)
	$$(Q)python3 $(DEVICE_ROOM)/mkimage.py $$< -o $$@ --application --flash-size 0x20

ALL += $(BUILD)/$(1)/firmware-v$(2).bin

-include $$(EXAMPLE_OBJECTS_$(1)_$(2):.o=.d)
endef
$(foreach chip,$(EXAMPLE_XTENSA),$(foreach version,1 2,$(eval $(call EXAMPLE_ESP32_RULES,$(chip),$(version),\
    $(XCC) -mlongcalls,$(addprefix $(ESP32_ROOM)/, start.S rom_call.S divide.S)))))
$(foreach chip,$(EXAMPLE_RISCV),$(foreach version,1 2,$(eval $(call EXAMPLE_ESP32_RULES,$(chip),$(version),\
    $(RVCC) -march=rv32imc -mabi=ilp32 -mno-relax -mcmodel=medany,$(addprefix $(ESP32C3_ROOM)/, start.S rom_call.S)))))

EXAMPLE_BOOT := $(foreach chip,$(EXAMPLE_XTENSA) $(EXAMPLE_RISCV),$(BUILD)/$(chip)/boot-stand-in.bin)
$(EXAMPLE_BOOT): $(BUILD)/%/boot-stand-in.bin: examples/boot_stand_in.py
	@mkdir -p $(@D)
	$(call say,IMAGE,$@)
	$(Q)python3 $< $* $@

ALL += $(EXAMPLE_BOOT)
