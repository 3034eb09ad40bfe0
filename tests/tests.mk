# The tests: tests/test_*.c with cmocka, each plain and with sanitizers; tests/test_*.py with pytest; lint.
# tests/run runs them all and counts. `make test T=PART` runs those whose name holds PART.

UNIT_TESTS := $(basename $(notdir $(sort $(wildcard tests/test_*.c))))
TEST_HELPERS := $(filter-out tests/test_%,$(sort $(wildcard tests/*.c)))
HOST_TESTS := $(addprefix $(BUILD)/host/tests/,$(UNIT_TESTS))
ASAN_TESTS := $(addprefix $(BUILD)/asan/tests/,$(UNIT_TESTS))
TEST_LIBS := $(LIBMAP) $(if $(wildcard sim/sim.mk),$(LIBSIM)) $(LIBCORE)
ASAN_TEST_LIBS := $(ASAN_LIBMAP) $(if $(wildcard sim/sim.mk),$(ASAN_LIBSIM)) $(ASAN_LIBCORE)
LINT_FLAGS := -std=c11 $(CPPFLAGS)

$(BUILD)/host/tests/%: $(BUILD)/host/obj/tests/%.o $(call host_objects,$(TEST_HELPERS)) $(TEST_LIBS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(HOST_CFLAGS) $(filter %.o,$^) $(filter %.a,$^) -lcmocka -llzma -lm -o $@

$(BUILD)/asan/tests/%: $(BUILD)/asan/obj/tests/%.o $(call asan_objects,$(TEST_HELPERS)) $(ASAN_TEST_LIBS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ASAN_CFLAGS) $(filter %.o,$^) $(filter %.a,$^) -lcmocka -llzma -lm -o $@

$(HOST_TESTS) $(ASAN_TESTS) $(call host_objects,$(UNIT_TESTS:%=tests/%.c)): | $(DEPS)/test.mk

# What a package holds is packed by the host tool's own code.
$(BUILD)/host/tests/test_unpack: $(call host_objects,$(PACK_CODEC_SOURCES))
$(BUILD)/asan/tests/test_unpack: $(call asan_objects,$(PACK_CODEC_SOURCES))
$(BUILD)/host/tests/test_install_package: $(call host_objects,$(PACK_CODEC_SOURCES) host/pack/build.c host/pack/version_text.c)
$(BUILD)/asan/tests/test_install_package: $(call asan_objects,$(PACK_CODEC_SOURCES) host/pack/build.c host/pack/version_text.c)
STORY_SOURCES := tests/story/small_story.c host/pack/kit.c host/pack/build.c $(PACK_CODEC_SOURCES)
$(BUILD)/host/tests/test_story: $(call host_objects,$(STORY_SOURCES))
$(BUILD)/asan/tests/test_story: $(call asan_objects,$(STORY_SOURCES))
$(BUILD)/host/tests/test_traces: $(call host_objects,$(STORY_SOURCES))
$(BUILD)/asan/tests/test_traces: $(call asan_objects,$(STORY_SOURCES))
$(BUILD)/host/tests/test_self_update: $(call host_objects,host/pack/build.c)
$(BUILD)/asan/tests/test_self_update: $(call asan_objects,host/pack/build.c)

# Programs that only tests use; other fragments add to it (the sanitized host tool, broken variants).
TEST_PROGRAMS += $(HOST_TESTS) $(ASAN_TESTS) $(if $(wildcard host/host.mk),$(BUILD)/asan/oneslot)

RUN_TESTS = ONESLOT_BUILD=$(abspath $(BUILD)) $(PYTHON) tests/run --build $(BUILD) \
    $(if $(filter command%,$(origin FUZZ_SECONDS)),--fuzz-seconds $(FUZZ_SECONDS)) --lint-flags='$(LINT_FLAGS)' \
    --device-flags='$(ESP_CPPFLAGS)'

test: all $(DEPS)/test.mk $(TEST_PROGRAMS) ## Build and run the tests; T=PART for those whose name holds PART
	@$(RUN_TESTS) $(T)

test-full: all $(DEPS)/test.mk $(TEST_PROGRAMS) ## The same with all that takes long: larger campaigns, a minute of fuzzing each
	@$(RUN_TESTS) --full $(T)

unit: $(DEPS)/test.mk $(HOST_TESTS) $(ASAN_TESTS) ## Run the unit tests alone
	@$(RUN_TESTS) unit/

lint: $(DEPS)/test.mk ## Check format and look for faults with cppcheck and clang-tidy
	@$(RUN_TESTS) lint/

.PHONY: traces mutants
traces: $(BUILD)/host/tests/test_traces ## Write tests/traces.txt anew, after the engine was changed on purpose
	@ONESLOT_TRACES=1 $<

MUTANTS ?= 60
SEED ?= 1
mutants: $(DEPS)/test.mk ## Change MUTANTS (60) tokens of the core, drawn by SEED, one at a time, and ask the tests; T=PART
	@$(PYTHON) tests/mutants.py --build $(BUILD) --count $(MUTANTS) --seed $(SEED) $(T)
