# The stand-in for the ESP8266's boot ROM: 64 KiB of code for the chip.

CHIP_ROM_SOURCES := $(sort $(wildcard sim/esp8266/rom/*.c sim/esp8266/rom/*.S)) \
    $(addprefix sim/board/shared/, arithmetic.c library.c)
CHIP_ROM_OBJECTS := $(patsubst %,$(BUILD)/sim/esp8266-rom/%.o,$(CHIP_ROM_SOURCES) bearssl/hash/md5.c bearssl/codec/dec32le.c)
CHIP_ROM_CFLAGS = $(BOARD_CFLAGS) -Os $(BOARD_XTENSA_CFLAGS) -fno-jump-tables -fno-tree-switch-conversion

$(BUILD)/sim/esp8266-rom/bearssl/%.c.o: $(BEARSSL)/src/%.c sim/esp8266/rom.mk
	@mkdir -p $(@D)
	$(call say,XCC,$@)
	$(Q)$(XCC) $(CHIP_ROM_CFLAGS) -w -c $< -o $@

$(BUILD)/sim/esp8266-rom/%.o: % sim/esp8266/rom.mk
	@mkdir -p $(@D)
	$(call say,XCC,$@)
	$(Q)$(XCC) $(CHIP_ROM_CFLAGS) $(DEPFLAGS) -c $< -o $@

$(BUILD)/sim/esp8266-rom.elf: $(CHIP_ROM_OBJECTS) sim/esp8266/rom/rom.ld
	$(call say,LINK,$@)
	$(Q)$(XCC) -nostdlib -Wl,-T,sim/esp8266/rom/rom.ld -Wl,--gc-sections -Wl,--fatal-warnings $(CHIP_ROM_OBJECTS) \
	    -lgcc -o $@

$(CHIP_ROM): $(BUILD)/sim/esp8266-rom.elf
	$(call say,GEN,$@)
	$(Q)$(XOBJCOPY) -O binary --pad-to 0x40010000 --gap-fill 0 $< $@

$(CHIP_ROM_OBJECT): sim/esp8266/rom_stand_in.S $(CHIP_ROM)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) -Dchip_rom_file='"$(CHIP_ROM)"' -c $< -o $@

-include $(wildcard $(CHIP_ROM_OBJECTS:.o=.d))
