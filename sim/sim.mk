# The simulator as a library for the host tool and the tests, plain and with sanitizers.

SIM_SOURCES := $(sort $(wildcard sim/*.c))

$(LIBSIM): $(call host_objects,$(SIM_SOURCES))
	$(archive)

$(ASAN_LIBSIM): $(call asan_objects,$(SIM_SOURCES))
	$(archive)

ALL += $(LIBSIM)
