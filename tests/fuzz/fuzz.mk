# Fuzz targets, tests/fuzz/fuzz_NAME.c, with clang's libFuzzer and the sanitizers: core, littlefs and what is used of the
# host tool are instrumented, BearSSL is not. The kept inputs are in tests/fuzz/corpus/NAME.

FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
FUZZ_CFLAGS := -std=c11 -O1 -g $(WARNINGS) $(CPPFLAGS) -fsanitize=fuzzer-no-link,address,undefined \
    -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_TARGETS := $(patsubst fuzz_%,%,$(basename $(notdir $(sort $(wildcard tests/fuzz/fuzz_*.c)))))
FUZZ_PROGRAMS := $(addprefix $(BUILD)/fuzz/,$(FUZZ_TARGETS))
FUZZ_SOURCES := $(CORE_SOURCES) $(LITTLEFS_SOURCES) host/ram_flash.c host/map_csv.c host/size.c host/terminal.c \
    tests/littlefs_reseal.c tests/synthetic.c tests/synthetic_esp32.c tests/fuzz/input.c tests/fuzz/device.c \
    $(SIM_SOURCES) tests/story/small_story.c host/pack/kit.c host/pack/build.c $(PACK_CODEC_SOURCES)
LIBFUZZ := $(BUILD)/fuzz/libfuzz.a

$(BUILD)/fuzz/obj/%.o: %.c | $(DEPS)/test.mk
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) $(DEPFLAGS) -c $< -o $@

$(BUILD)/fuzz/obj/deps/%.o: $(DEPS)/%.c | $(DEPS)/test.mk
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) $(FETCHED_CFLAGS) $(DEPFLAGS) -c $< -o $@

$(LIBFUZZ): $(patsubst %.c,$(BUILD)/fuzz/obj/%.o,$(FUZZ_SOURCES)) $(CHIP_ROM_OBJECT)
	$(archive)

$(FUZZ_PROGRAMS): $(BUILD)/fuzz/%: $(BUILD)/fuzz/obj/tests/fuzz/fuzz_%.o $(LIBFUZZ) $(LIBCORE)
	$(call say,LINK,$@)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer $^ -llzma -o $@

TEST_PROGRAMS += $(FUZZ_PROGRAMS)

.PHONY: fuzz fuzz-corpus fuzz-flags
fuzz: $(FUZZ_PROGRAMS) ## Fuzz every target for FUZZ_SECONDS (60), two at a time; T=PART for some
	@tests/fuzz/run --build $(BUILD) --seconds $(FUZZ_SECONDS) $(T)

fuzz-corpus: $(FUZZ_PROGRAMS) ## Make the kept inputs of the fuzz targets anew: seeds, and what a run finds beside them
	@$(PYTHON) tests/fuzz/run --build $(BUILD) --seconds $(FUZZ_SECONDS) --keep $(T)

fuzz-flags:
	@echo "$(FUZZ_CC) $(FUZZ_CFLAGS)"
