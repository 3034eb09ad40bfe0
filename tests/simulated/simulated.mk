# A simulated device as a program, for tests that compare it with the emulated board.

SIMULATED := $(BUILD)/asan/tests/power_on

$(SIMULATED): $(call asan_objects,tests/simulated/power_on.c) $(ASAN_LIBSIM) $(ASAN_LIBCORE)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ASAN_CFLAGS) $^ -lm -o $@

TEST_PROGRAMS += $(SIMULATED)
