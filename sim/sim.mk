# The simulator as a library for the host tool and the tests, plain and with sanitizers. The emulated ESP8266 holds the
# stand-in for its boot ROM: sim/esp8266/rom.mk.

# With what reads images in the ESP8266's loader: the simulated one is the same.
SIM_SOURCES := $(sort $(wildcard sim/*.c sim/esp8266/*.c)) device/esp8266/segments.c
CHIP_ROM := $(BUILD)/sim/esp8266-rom.bin
CHIP_ROM_OBJECT := $(BUILD)/host/obj/sim/esp8266/rom_stand_in.o

$(LIBSIM): $(call host_objects,$(SIM_SOURCES)) $(CHIP_ROM_OBJECT)
	$(archive)

$(ASAN_LIBSIM): $(call asan_objects,$(SIM_SOURCES)) $(CHIP_ROM_OBJECT)
	$(archive)

ALL += $(LIBSIM)
