# What the devices share: console, the texts of an installation, string functions, and the count of sizes.

DEVICE_ROOM := device/common
DEVICE_CPPFLAGS := -I$(DEVICE_ROOM) -isystem $(DEVICE_ROOM)/include

# What each device image takes: printed, and compared with the figures that are kept. A device adds itself to SIZE_ROOMS;
# then device/NAME/SIZES are the kept figures of $(BUILD)/NAME/sizes.txt.
SIZE_ROOMS :=
SIZE_FIGURES = $(patsubst %,$(BUILD)/%/sizes.txt,$(SIZE_ROOMS))

.PHONY: size-update
.SECONDEXPANSION:
size: $$(SIZE_FIGURES) ## Print what each device image takes; fail when a device's SIZES says otherwise
	@cat $^
	@for room in $(SIZE_ROOMS); do \
	    diff -u device/$$room/SIZES $(BUILD)/$$room/sizes.txt || \
	        { echo "device/$$room/SIZES is out of date: look at the change, then make size-update"; exit 1; }; \
	done

size-update: $$(SIZE_FIGURES) ## Write the figures to the devices' SIZES
	@for room in $(SIZE_ROOMS); do cp $(BUILD)/$$room/sizes.txt device/$$room/SIZES; done
	@cat $^
