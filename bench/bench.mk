# Measurements: ratios, counted instructions, compressed sizes.

$(BUILD)/bench/flash_time: $(BUILD)/host/obj/bench/flash_time.o $(LIBSIM) $(LIBCORE)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(HOST_CFLAGS) $^ -lm -o $@

TEST_PROGRAMS += $(BUILD)/bench/flash_time

$(BUILD)/bench/compress: $(call host_objects,bench/compress.c host/file.c host/pack/compress.c host/pack/filter.c) $(LIBCORE)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(HOST_CFLAGS) $^ -llzma -o $@

TEST_PROGRAMS += $(BUILD)/bench/compress

bench: all $(BUILD)/bench/flash_time $(BUILD)/bench/compress ## Flash time beside what is needed, instructions for a byte, compressed sizes
	@bench/bench.py $(BUILD) $(FIRMWARE)
	@$(PYTHON) bench/compression.py $(BUILD) $(FIRMWARE)
