# The host tool `oneslot`, plain and with sanitizers. Loader and installer lie inside it, so that the one file is all
# that a user needs.

HOST_SOURCES := $(sort $(wildcard host/*.c host/map/*.c host/pack/*.c))
# What the installer is compressed with too, before there is a host tool.
PACK_CODEC_SOURCES := host/pack/filter.c host/pack/compress.c
HOST_LIBS := $(if $(wildcard sim/sim.mk),$(LIBSIM)) $(LIBCORE)
ASAN_HOST_LIBS := $(if $(wildcard sim/sim.mk),$(ASAN_LIBSIM)) $(ASAN_LIBCORE)
HOST_LOADER := $(BUILD)/esp8266/loader.bin
HOST_INSTALLER := $(BUILD)/esp8266/installer.bin
EMBEDDED := $(BUILD)/host/obj/host/embedded.o
# The ESP32 family's room, which is read later, says for which chips it makes an installer.
HOST_INSTALLER_FILES = $(ESP32_CHIPS:%=$(BUILD)/%/installer.bin)
HOST_INSTALLERS = $(foreach chip,$(ESP32_CHIPS),installer "$(chip)", "$(BUILD)/$(chip)/installer.bin";)

.SECONDEXPANSION:
$(EMBEDDED): host/embedded.S $(HOST_LOADER) $(HOST_INSTALLER) $$(HOST_INSTALLER_FILES)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) -DLOADER_BIN='"$(HOST_LOADER)"' -DINSTALLER_BIN='"$(HOST_INSTALLER)"' \
	    -DINSTALLERS='$(HOST_INSTALLERS)' -c $< -o $@

$(ONESLOT): $(call host_objects,$(HOST_SOURCES)) $(EMBEDDED) $(HOST_LIBS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(HOST_CFLAGS) $^ -lcrypto -llzma -lm -pthread -o $@

$(BUILD)/asan/oneslot: $(call asan_objects,$(HOST_SOURCES)) $(EMBEDDED) $(ASAN_HOST_LIBS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ASAN_CFLAGS) $^ -lcrypto -llzma -lm -pthread -o $@

ALL += $(ONESLOT)

