# Oneslot: builds everything into build/. `make help` lists the targets.
#
# Each room has its own fragment (core/core.mk, host/host.mk, ...), which adds what it builds to ALL. Fragments use
# these variables and the two object rules below; a host object of room/name.c is $(BUILD)/host/obj/room/name.o, its
# sanitizer twin $(BUILD)/asan/obj/room/name.o. What lies under device/ is compiled by its own fragment.

MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
# No object is removed for having come about on the way to a program.
.SECONDARY:

BUILD ?= build
DEPS := $(BUILD)/deps
LITTLEFS := $(DEPS)/littlefs
BEARSSL := $(DEPS)/bearssl
PYTHON := $(DEPS)/venv/bin/python
FIRMWARE ?= ../shared/firmware

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin AR),default)
AR := ar
endif
XPREFIX ?= xtensa-lx106-elf-
XCC := $(XPREFIX)gcc
XAR := $(XPREFIX)ar
XNM := $(XPREFIX)nm
XSIZE := $(XPREFIX)size
XOBJCOPY := $(XPREFIX)objcopy
XOBJDUMP := $(XPREFIX)objdump

# littlefs reports what it finds by return values alone. An assertion that a damaged file system could trip must not
# end the program, so none is compiled in; see core/core.mk.
LFS_FLAGS := -DLFS_MULTIVERSION -DLFS_NO_DEBUG -DLFS_NO_WARN -DLFS_NO_ERROR -DLFS_NO_ASSERT
FETCHED_INCLUDES := -isystem $(LITTLEFS) -isystem $(BEARSSL)/inc
WARNINGS := -Wall -Wextra -Werror
CPPFLAGS := -D_POSIX_C_SOURCE=200809L -Iinclude -I. $(FETCHED_INCLUDES) $(LFS_FLAGS)
CFLAGS ?= -O2 -g
HOST_CFLAGS := -std=c11 $(CFLAGS) $(WARNINGS) $(CPPFLAGS)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
ASAN_CFLAGS := -std=c11 -O1 -g $(WARNINGS) $(CPPFLAGS) $(SANITIZE)
# Fetched code is compiled as it came: its warnings are not ours to mend. BearSSL's digests may be written to any
# address: without unaligned access, as on the chip, which the sanitizer build also asks for.
FETCHED_CFLAGS := -w -I$(LITTLEFS) -I$(BEARSSL)/inc -I$(BEARSSL)/src -DBR_LE_UNALIGNED=0
DEPFLAGS = -MMD -MP

LIBCORE := $(BUILD)/host/libcore.a
LIBSIM := $(BUILD)/host/libsim.a
ASAN_LIBCORE := $(BUILD)/asan/libcore.a
ASAN_LIBSIM := $(BUILD)/asan/libsim.a
ONESLOT := $(BUILD)/oneslot

.PHONY: all help deps test test-full unit lint format demo size bench clean distclean
all:

help: ## List the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | sort -u | \
	    awk -F'|' 'BEGIN { print "  make            Build everything into build/" } { printf "%-18s%s\n", $$1, $$2 }'

# Short lines for a person; V=1 shows the commands.
Q := $(if $(V),,@)
say = @printf '  %-5s %s\n' $(1) $(2)

# What the build needs is fetched before anything else is read, because make brings an included file up to date first.
NO_DEPS_GOALS := help clean distclean deps format
ifneq ($(filter-out $(NO_DEPS_GOALS),$(or $(MAKECMDGOALS),all)),)
-include $(DEPS)/build.mk
endif
ifneq ($(wildcard tools/deps),)
$(DEPS)/build.mk: tools/deps $(wildcard tools/deps.d/*)
	@tools/deps --into $(DEPS) build

$(DEPS)/test.mk: tools/deps $(wildcard tools/deps.d/*) $(wildcard tests/requirements.txt tests/micropython/package*.json)
	@tools/deps --into $(DEPS) test

deps: ## Install and fetch what the build and the tests need
	@tools/deps --into $(DEPS) build test
endif

$(BUILD)/host/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(HOST_CFLAGS) $(DEPFLAGS) -c $< -o $@

$(BUILD)/asan/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(ASAN_CFLAGS) $(DEPFLAGS) -c $< -o $@

$(BUILD)/host/obj/deps/%.o: $(DEPS)/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(HOST_CFLAGS) $(FETCHED_CFLAGS) $(DEPFLAGS) -c $< -o $@

$(BUILD)/asan/obj/deps/%.o: $(DEPS)/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(ASAN_CFLAGS) $(FETCHED_CFLAGS) $(DEPFLAGS) -c $< -o $@

# Object names of sources: $(call host_objects,core/a.c core/b.c), $(call asan_objects,...).
host_objects = $(patsubst %.c,$(BUILD)/host/obj/%.o,$(1))
asan_objects = $(patsubst %.c,$(BUILD)/asan/obj/%.o,$(1))

# An archive is made anew, so that no member of a removed source stays in it.
define archive
@mkdir -p $(@D)
@rm -f $@
$(call say,AR,$@)
$(Q)$(AR) rcs $@ $^
endef

# In the order of the arrows: a room may use the variables of those before it.
FRAGMENTS := core/core.mk sim/sim.mk host/host.mk device/common/common.mk device/esp8266/esp8266.mk examples/examples.mk
OTHER_FRAGMENTS := $(filter-out $(FRAGMENTS) $(BUILD)/% build/%,$(sort $(wildcard */*.mk */*/*.mk)))
include $(wildcard $(FRAGMENTS)) $(OTHER_FRAGMENTS)

all: $(ALL)

-include $(wildcard $(BUILD)/*/obj/*/*.d $(BUILD)/*/obj/*/*/*.d $(BUILD)/*/obj/*/*/*/*.d $(BUILD)/*/obj/*/*/*/*/*.d)

demo: all ## Show an upgrade with a power cut in its middle, on an emulated chip
	@examples/demo.sh

CLANG_FORMAT_FILES = $(wildcard include/oneslot/*.h core/*.[ch] sim/*.[ch] sim/*/*.[ch] sim/*/*/*.[ch] host/*.[ch] host/*/*.[ch] device/*/*.[ch] \
    examples/*.[ch] examples/*/*.[ch] tests/*.[ch] tests/*/*.[ch] bench/*.[ch] tools/*.[ch])

format: ## Format all C sources
	clang-format -i $(CLANG_FORMAT_FILES)

clean: ## Remove what was built; keep what was fetched
	@if [ -d $(BUILD) ]; then find $(BUILD) -mindepth 1 -maxdepth 1 ! -name deps -exec rm -rf {} +; fi

distclean: ## Remove what was built and fetched
	rm -rf $(BUILD)
