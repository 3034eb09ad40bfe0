# Fuzz targets, tests/fuzz/fuzz_NAME.c, with clang's libFuzzer: make build/fuzz/NAME, then run it on a folder of inputs.

FUZZ_CC ?= clang

$(BUILD)/fuzz/%: tests/fuzz/fuzz_%.c $(LIBCORE)
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)
	$(Q)$(FUZZ_CC) -std=c11 -O1 -g $(WARNINGS) $(CPPFLAGS) -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=all $< $(CORE_SOURCES) $(LIBCORE) -o $@
