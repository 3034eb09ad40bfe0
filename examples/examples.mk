# The example firmware, version 1 and version 2 from one source: build/examples/firmware-v1.bin, firmware-v2.bin.

EXAMPLE := $(BUILD)/examples
EXAMPLE_ROOM := examples/upgrade
EXAMPLE_CORE := $(addprefix core/, api.c journal.c flash.c crc32.c layout.c version.c error.c) $(wildcard core/status_text.c)
EXAMPLE_SOURCES := $(addprefix $(EXAMPLE_ROOM)/, start.S table.S firmware.c esp8266.c) \
    $(ESP_ROOM)/flash_port.c $(addprefix $(DEVICE_ROOM)/, console.c strings.c) $(EXAMPLE_CORE)

$(EXAMPLE)/firmware.ld: $(EXAMPLE_ROOM)/firmware.ld.in $(EXAMPLE_ROOM)/table.h $(ESP_ROOM)/memory.h
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)$(XCC) -E -P -x c -I$(ESP_ROOM) -I$(EXAMPLE_ROOM) $< -o $@

# $(1): the version.
define EXAMPLE_RULES
EXAMPLE_OBJECTS_$(1) := $$(patsubst %,$(EXAMPLE)/v$(1)/%.o,$$(basename $$(EXAMPLE_SOURCES)))

$(EXAMPLE)/v$(1)/%.o: %.c $(ESP_ROOM)/esp8266.mk examples/examples.mk
	@mkdir -p $$(@D)
	$$(call say,XCC,$$@)
	$$(Q)$(XCC) $(ESP_CFLAGS) -I$(EXAMPLE_ROOM) -DVERSION=$(1) $(DEPFLAGS) -c $$< -o $$@

$(EXAMPLE)/v$(1)/%.o: %.S $(ESP_ROOM)/esp8266.mk examples/examples.mk
	@mkdir -p $$(@D)
	$$(call say,XCC,$$@)
	$$(Q)$(XCC) $(ESP_CPPFLAGS) -I$(EXAMPLE_ROOM) -DVERSION=$(1) $(DEPFLAGS) -c $$< -o $$@

$(EXAMPLE)/firmware-v$(1).elf: $$(EXAMPLE_OBJECTS_$(1)) $(EXAMPLE)/firmware.ld $(ESP_ROOM)/rom.ld
	$$(call say,LINK,$$@)
	$$(Q)$(XCC) $(ESP_LDFLAGS) -T $(EXAMPLE)/firmware.ld -Wl,-Map=$$(@:.elf=.map) $$(EXAMPLE_OBJECTS_$(1)) -lgcc -o $$@

$(EXAMPLE)/firmware-v$(1).bin: $(EXAMPLE)/firmware-v$(1).elf $(ESP_MKIMAGE)
	$$(call say,IMAGE,$$@)
	$$(Q)python3 $(ESP_MKIMAGE) $$< -o $$@ --in-place

-include $$(patsubst %.o,%.d,$$(EXAMPLE_OBJECTS_$(1)))
endef
$(foreach version,1 2,$(eval $(call EXAMPLE_RULES,$(version))))

ALL += $(EXAMPLE)/firmware-v1.bin $(EXAMPLE)/firmware-v2.bin
ESP_SIZE_OF += example:$(EXAMPLE)/firmware-v1.elf:$(EXAMPLE)/firmware-v1.bin:firmware_main:$(EXAMPLE)/v1:
ESP_SIZE_NEEDS += $(EXAMPLE)/firmware-v1.bin

.PHONY: demo-map
demo-map: $(ONESLOT) $(EXAMPLE)/firmware-v1.bin $(DEPS)/test.mk ## Show a device that moves to another flash map, with its files
	@BUILD=$(BUILD) PYTHON=$(PYTHON) examples/demo-map.sh
