# The simulator as a library for the host tool and the tests, plain and with sanitizers.

# With what reads images in the ESP8266's loader: the simulated one is the same.
SIM_SOURCES := $(sort $(wildcard sim/*.c)) device/esp8266/segments.c

$(LIBSIM): $(call host_objects,$(SIM_SOURCES))
	$(archive)

$(ASAN_LIBSIM): $(call asan_objects,$(SIM_SOURCES))
	$(archive)

ALL += $(LIBSIM)
