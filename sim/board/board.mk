# The stand-ins for boot ROM and board that `oneslot run` boots flash images of the ESP32 family on under QEMU; they are
# embedded in the host tool. One for the Xtensa chips, one for the RISC-V chips.

BOARD_BEARSSL := hash/md5 hash/sha2small codec/dec32le codec/enc32le codec/enc64le codec/dec32be codec/enc32be \
    codec/enc64be
# The second line keeps the compiler from making calls of memcpy out of memcpy's own loop.
BOARD_CFLAGS := -std=gnu11 -O2 -ffreestanding -fno-builtin -ffunction-sections -fdata-sections $(WARNINGS) \
    -fno-tree-loop-distribute-patterns \
    -Iinclude -I. -isystem $(BEARSSL)/inc -isystem $(BEARSSL)/src \
    -isystem $(DEVICE_ROOM)/include -DBR_LE_UNALIGNED=0 -DBR_BE_UNALIGNED=0
BOARD_XTENSA_CFLAGS := -mlongcalls -mtext-section-literals
BOARD_RISCV_CFLAGS := -march=rv32imc -mabi=ilp32 -mno-relax -msmall-data-limit=0

# $(1): the board's name; $(2): its compiler; $(3): its flags; $(4): its sources.
define BOARD_RULES
BOARD_OBJECTS_$(1) := $$(patsubst %,$(BUILD)/sim/board-$(1)/%.o,$(4) $$(addprefix bearssl/,$$(BOARD_BEARSSL:=.c)))

$(BUILD)/sim/board-$(1)/bearssl/%.c.o: $(BEARSSL)/src/%.c sim/board/board.mk
	@mkdir -p $$(@D)
	$$(call say,XCC,$$@)
	$$(Q)$(2) $(BOARD_CFLAGS) $(3) -w -c $$< -o $$@

$(BUILD)/sim/board-$(1)/%.o: % sim/board/board.mk
	@mkdir -p $$(@D)
	$$(call say,XCC,$$@)
	$$(Q)$(2) $(BOARD_CFLAGS) $(3) $(DEPFLAGS) -c $$< -o $$@

$(BUILD)/sim/board-$(1).elf: $$(BOARD_OBJECTS_$(1)) sim/board/shared/board.ld
	$$(call say,LINK,$$@)
	$$(Q)$(2) $(3) -nostdlib -Wl,-T,sim/board/shared/board.ld -Wl,--gc-sections -Wl,--no-warn-rwx-segments \
	    $$(BOARD_OBJECTS_$(1)) -lgcc -o $$@

-include $$(wildcard $$(BOARD_OBJECTS_$(1):.o=.d))
endef

BOARD_SHARED := $(addprefix sim/board/shared/, chip.c console.c finish.c flash.c library.c random.c)
BOARD_XTENSA := $(BOARD_SHARED) sim/board/shared/host_xtensa.c sim/board/shared/call_xtensa.S sim/board/shared/arithmetic.c
BOARD_RISCV := $(BOARD_SHARED) sim/board/shared/host_riscv.c sim/board/shared/call_riscv.S
BOARD_ESP32 := $(sort $(wildcard sim/board/esp32/*.c)) sim/bootloader.c

$(eval $(call BOARD_RULES,esp32,$(XCC),$(BOARD_XTENSA_CFLAGS),\
    $(BOARD_XTENSA) $(BOARD_ESP32) $(sort $(wildcard sim/board/esp32/xtensa/*))))
$(eval $(call BOARD_RULES,esp32c3,$(RVCC),$(BOARD_RISCV_CFLAGS),\
    $(BOARD_RISCV) $(BOARD_ESP32) $(sort $(wildcard sim/board/esp32/riscv/*))))

BOARDS := esp32 esp32c3
BOARD_ELFS := $(BOARDS:%=$(BUILD)/sim/board-%.elf)
BOARD_EMBEDDED := $(BUILD)/host/obj/sim/board/embed.o

$(BOARD_EMBEDDED): sim/board/embed.S $(BOARD_ELFS)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(foreach board,$(BOARDS),-Dboard_$(board)='"$(BUILD)/sim/board-$(board).elf"') -c $< -o $@

$(ONESLOT) $(BUILD)/asan/oneslot: $(BOARD_EMBEDDED)

ALL += $(BOARD_ELFS)
