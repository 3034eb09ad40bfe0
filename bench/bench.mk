# Measurements: ratios and counted instructions.

$(BUILD)/bench/flash_time: $(BUILD)/host/obj/bench/flash_time.o $(LIBSIM) $(LIBCORE)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(HOST_CFLAGS) $^ -lm -o $@

TEST_PROGRAMS += $(BUILD)/bench/flash_time

bench: all $(BUILD)/bench/flash_time ## Flash time beside what is needed, and instructions for a byte
	@bench/bench.py $(BUILD) $(FIRMWARE)
