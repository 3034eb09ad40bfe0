# Loader and installer for the ESP8266. Code, data and stack of each are counted in device/esp8266/SIZES.
#
# The installer's image is the stage, as it is, and the installer, compressed. Both use the stage's decoder.

ESP := $(BUILD)/esp8266
ESP_ROOM := device/esp8266
ESP_CPPFLAGS := -I. -Iinclude -I$(ESP_ROOM) $(DEVICE_CPPFLAGS) -isystem $(LITTLEFS) -isystem $(BEARSSL)/inc \
    -isystem $(BEARSSL)/src $(LFS_FLAGS) -DLFS_READONLY -DLFS_NO_MALLOC
ESP_CFLAGS := -std=c11 -Os -ffreestanding -mlongcalls -ffunction-sections -fdata-sections -fno-common \
    -fno-tree-loop-distribute-patterns -fcallgraph-info=su $(WARNINGS) $(ESP_CPPFLAGS)
# For the installer's image, which is compressed: instructions stay in the order in which they were written, so that what
# was written alike comes out alike, and targets of jumps are not filled up to words.
ESP_ALIKE_CFLAGS := -fno-schedule-insns2 -mno-target-align
# For the installer alone: what was tried, and makes its compressed code smaller (each 50 to 400 bytes).
# Without its knowledge of ranges the compiler warns of values that are set; all other builds look for those that are not.
ESP_SMALL_CFLAGS := -fno-cse-follow-jumps -fira-algorithm=priority -fno-caller-saves -fno-tree-vrp \
    -fno-move-loop-invariants -fno-tree-dominator-opts -fno-tree-dse -fno-ipa-sra -fno-tree-tail-merge \
    -fno-if-conversion -fno-ipa-icf -fno-tree-pre -fno-tree-ccp -fno-tree-phiprop -Wno-maybe-uninitialized
# Constants of loader and stage are read as words: no table of jumps, no constant that is an array of bytes.
ESP_WORDS_CFLAGS := -fno-jump-tables -fno-tree-switch-conversion
ESP_LDFLAGS := -nostdlib -Wl,--gc-sections -Wl,--fatal-warnings

ESP_LOADER_SOURCES := $(addprefix $(ESP_ROOM)/, start_loader.S loader.c segments.c flash_port.c) $(DEVICE_ROOM)/console.c \
    $(addprefix core/, flash.c crc32.c layout.c journal.c boot.c)
ESP_DECODER_SOURCES := core/unpack.c core/unpack_xtensa.c
# What the installer finds in the stage, and what other chips need.
ESP_SHARED_SOURCES := $(ESP_DECODER_SOURCES) core/crc32.c $(DEVICE_ROOM)/console.c
ESP_NOT_HERE := core/unpack_filter.c core/unpack_riscv.c core/p256.c
ESP_STAGE_SOURCES := $(addprefix $(ESP_ROOM)/, start_stage.S stage.c filter.c) $(ESP_SHARED_SOURCES)
ESP_INSTALLER_SOURCES := $(addprefix $(ESP_ROOM)/, start_installer.S installer.c flash_port.c checksums.c) \
    $(addprefix $(DEVICE_ROOM)/, screen.c strings.c p256.c) \
    $(filter-out $(ESP_SHARED_SOURCES) $(ESP_NOT_HERE),$(CORE_SOURCES)) \
    deps/littlefs/lfs.c $(filter-out $(addprefix deps/bearssl/src/, hash/md5.c ec/ec_prime_i15.c),$(BEARSSL_SOURCES))
esp_objects = $(patsubst %,$(ESP)/$(1)/%.o,$(basename $(2)))
ESP_LOADER_OBJECTS := $(call esp_objects,loader,$(ESP_LOADER_SOURCES))
ESP_STAGE_OBJECTS := $(call esp_objects,stage,$(ESP_STAGE_SOURCES))
ESP_INSTALLER_OBJECTS := $(call esp_objects,installer,$(ESP_INSTALLER_SOURCES))

# Fetched sources come from $(DEPS), whatever $(BUILD) is called.
define ESP_RULES
$(ESP)/$(1)/deps/%.o: $(DEPS)/%.c $(ESP_ROOM)/esp8266.mk
	@mkdir -p $$(@D)
	$$(call say,XCC,$$@)
	$$(Q)$(XCC) $(ESP_CFLAGS) -w $(2) $(DEPFLAGS) -c $$< -o $$@

$(ESP)/$(1)/%.o: %.c $(ESP_ROOM)/esp8266.mk
	@mkdir -p $$(@D)
	$$(call say,XCC,$$@)
	$$(Q)$(XCC) $(ESP_CFLAGS) $(2) $(DEPFLAGS) -c $$< -o $$@

$(ESP)/$(1)/%.o: %.S $(ESP_ROOM)/esp8266.mk
	@mkdir -p $$(@D)
	$$(call say,XCC,$$@)
	$$(Q)$(XCC) $(ESP_CPPFLAGS) $(DEPFLAGS) -c $$< -o $$@

$(ESP)/$(1).ld: $(ESP_ROOM)/$(1).ld.in $(ESP_ROOM)/memory.h
	@mkdir -p $$(@D)
	$$(call say,GEN,$$@)
	$$(Q)$(XCC) -E -P -x c -I$(ESP_ROOM) $$< -o $$@
endef
# One sector has to hold it: all its parts are compiled as one.
ESP_LOADER_CFLAGS := $(ESP_WORDS_CFLAGS) -flto -mno-target-align
$(eval $(call ESP_RULES,loader,$(ESP_LOADER_CFLAGS)))
$(eval $(call ESP_RULES,stage,$(ESP_WORDS_CFLAGS) $(ESP_ALIKE_CFLAGS)))
$(eval $(call ESP_RULES,installer,-flto $(ESP_ALIKE_CFLAGS) $(ESP_SMALL_CFLAGS)))

# BearSSL's curve code is compiled as a part of it.
$(ESP)/installer/$(DEVICE_ROOM)/p256.o: ESP_CFLAGS += -isystem $(BEARSSL)/src

$(ESP)/loader.elf: $(ESP_ROOM)/check_loader $(ESP_LOADER_OBJECTS) $(ESP)/loader.ld $(ESP_ROOM)/rom.ld
	$(call say,LINK,$@)
	$(Q)$(XCC) $(ESP_CFLAGS) $(ESP_LOADER_CFLAGS) $(ESP_LDFLAGS) -T $(ESP)/loader.ld -Wl,-Map=$(@:.elf=.map) $(ESP_LOADER_OBJECTS) -lgcc -o $@
	$(Q)$(ESP_ROOM)/check_loader $(@:.elf=.map)

$(ESP)/stage.elf: $(ESP_ROOM)/check_loader $(ESP_STAGE_OBJECTS) $(ESP)/stage.ld $(ESP_ROOM)/rom.ld
	$(call say,LINK,$@)
	$(Q)$(XCC) $(ESP_LDFLAGS) -T $(ESP)/stage.ld -Wl,-Map=$(@:.elf=.map) $(ESP_STAGE_OBJECTS) -lgcc -o $@
	$(Q)$(ESP_ROOM)/check_loader $(@:.elf=.map)

# Where the installer finds what the stage has.
$(ESP)/decoder.ld: $(ESP)/stage.elf
	$(call say,GEN,$@)
	$(Q)$(XNM) $< | awk '$$3 ~ /^(oneslot_unpack_|oneslot_crc32$$|console_)/ { print "PROVIDE(" $$3 " = 0x" $$1 ");" }' > $@

$(ESP)/installer.elf: $(ESP_INSTALLER_OBJECTS) $(ESP)/installer.ld $(ESP)/decoder.ld $(ESP_ROOM)/rom.ld
	$(call say,LINK,$@)
	$(Q)$(XCC) $(ESP_CFLAGS) -flto $(ESP_ALIKE_CFLAGS) $(ESP_SMALL_CFLAGS) $(ESP_LDFLAGS) -T $(ESP)/installer.ld -T $(ESP)/decoder.ld -Wl,-Map=$(@:.elf=.map) $(ESP_INSTALLER_OBJECTS) -lgcc -o $@

ESP_MKIMAGE := $(DEVICE_ROOM)/mkimage.py
$(ESP)/loader.bin: $(ESP)/loader.elf $(ESP_MKIMAGE)
	$(call say,IMAGE,$@)
	$(Q)python3 $(ESP_MKIMAGE) $< -o $@ --limit 4096

# Compressed by the code that also packs images.
ESP_PACKER := $(BUILD)/host/pack_installer
$(ESP_PACKER): $(call host_objects,tools/pack_installer.c $(PACK_CODEC_SOURCES)) $(LIBCORE)
	$(call say,LINK,$@)
	$(Q)$(CC) $(HOST_CFLAGS) $^ -llzma -o $@

$(ESP)/installer.text $(ESP)/installer.data: $(ESP)/installer.%: $(ESP)/installer.elf
	$(call say,GEN,$@)
	$(Q)$(XOBJCOPY) -O binary -j .$* $< $@

$(ESP)/installer.packed: $(ESP_PACKER) $(ESP)/installer.text $(ESP)/installer.data
	$(call say,PACK,$@)
	$(Q)$(ESP_PACKER) $(ESP)/installer.text $(ESP)/installer.data $@

$(ESP)/installer.bin: $(ESP)/stage.elf $(ESP)/installer.packed $(ESP_MKIMAGE)
	$(call say,IMAGE,$@)
	$(Q)python3 $(ESP_MKIMAGE) $< --segment $(ESP)/installer.packed -o $@ --limit 28672

ALL += $(ESP)/loader.bin $(ESP)/installer.bin $(ESP)/sizes.txt

-include $(patsubst %.o,%.d,$(ESP_LOADER_OBJECTS) $(ESP_STAGE_OBJECTS) $(ESP_INSTALLER_OBJECTS))

# What each image takes: printed, and compared with the figures that are kept. The examples add theirs.
memory_of = $(shell sed -n 's/^\#define $(1) *//p' $(ESP_ROOM)/memory.h)
ESP_SIZE_OF := \
    loader:$(ESP)/loader.elf+$(ESP)/stage.elf:$(ESP)/loader.bin:loader_main:$(ESP)/loader.elf.ltrans0.ltrans.ci+$(ESP)/stage: \
    stage:$(ESP)/stage.elf::stage_main:$(ESP)/stage: \
    installer:$(ESP)/installer.elf+$(ESP)/stage.elf:$(ESP)/installer.bin:installer_main:$(ESP)/installer.elf.ltrans0.ltrans.ci+$(ESP)/stage:$(call memory_of,INSTALLER_STACK_SIZE)
ESP_SIZE_NEEDS := $(ESP)/loader.bin $(ESP)/installer.bin

SIZE_ROOMS += esp8266

.SECONDEXPANSION:
$(ESP)/sizes.txt: $(DEVICE_ROOM)/sizes.py $$(ESP_SIZE_NEEDS)
	$(Q)python3 $(DEVICE_ROOM)/sizes.py $(ESP_SIZE_OF) > $@
