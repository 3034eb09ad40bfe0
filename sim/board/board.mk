# The boot ROM stand-in that `oneslot run` boots flash images on; it is embedded in the host tool.

BOARD_ESP8266 := $(BUILD)/sim/board-esp8266.elf
BOARD_ESP8266_OBJECTS := $(patsubst sim/board/esp8266/%,$(BUILD)/sim/board-esp8266/%.o,\
    $(sort $(wildcard sim/board/esp8266/*.c sim/board/esp8266/*.S))) \
    $(patsubst %,$(BUILD)/sim/board-esp8266/%.c.o,md5 dec32le enc32le enc64le)
# Without the second line the compiler makes calls of memcpy out of memcpy's own loop.
BOARD_ESP8266_CFLAGS := -std=gnu11 -O2 -ffreestanding -fno-builtin $(WARNINGS) -mlongcalls -mtext-section-literals \
    -fno-tree-loop-distribute-patterns -I$(BEARSSL)/inc -I$(BEARSSL)/src

$(BUILD)/sim/board-esp8266/%.c.o: sim/board/esp8266/%.c
	@mkdir -p $(@D)
	$(call say,XCC,$@)
	$(Q)$(XCC) $(BOARD_ESP8266_CFLAGS) $(DEPFLAGS) -c $< -o $@

$(BUILD)/sim/board-esp8266/%.S.o: sim/board/esp8266/%.S
	@mkdir -p $(@D)
	$(call say,XCC,$@)
	$(Q)$(XCC) $(BOARD_ESP8266_CFLAGS) $(DEPFLAGS) -c $< -o $@

$(BUILD)/sim/board-esp8266/md5.c.o: $(BEARSSL)/src/hash/md5.c
	@mkdir -p $(@D)
	$(Q)$(XCC) $(BOARD_ESP8266_CFLAGS) -w -c $< -o $@

$(BUILD)/sim/board-esp8266/%.c.o: $(BEARSSL)/src/codec/%.c
	@mkdir -p $(@D)
	$(Q)$(XCC) $(BOARD_ESP8266_CFLAGS) -w -c $< -o $@

$(BOARD_ESP8266): $(BOARD_ESP8266_OBJECTS) sim/board/esp8266/board.ld
	$(call say,LINK,$@)
	$(Q)$(XCC) -nostdlib -Wl,-T,sim/board/esp8266/board.ld -Wl,--no-warn-rwx-segments $(BOARD_ESP8266_OBJECTS) -lgcc -o $@

-include $(wildcard $(BUILD)/sim/board-esp8266/*.d)

BOARD_EMBEDDED := $(BUILD)/host/obj/sim/board/embed.o

$(BOARD_EMBEDDED): sim/board/embed.S $(BOARD_ESP8266)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) -DBOARD_ELF='"$(BOARD_ESP8266)"' -c $< -o $@

$(ONESLOT) $(BUILD)/asan/oneslot: $(BOARD_EMBEDDED)

ALL += $(BOARD_ESP8266)
