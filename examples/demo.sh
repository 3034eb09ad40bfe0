#!/bin/sh
# Shows the main job: a device upgrades its firmware in place from a file on its own file system, and a power cut in
# the middle does no harm. First with the example firmware, then, if they are named, with two firmware images of yours:
#
#     make demo
#     make demo FW_OLD=old.bin FW_NEW=new.bin [FW_FLASH_SIZE=4MB] [FW_BOOT=boot_v1.7.bin]
#
# The same on the ESP32 family, where FW_OLD is a combined image and FW_NEW an application alone (.app-bin):
#
#     make demo CHIP=esp32c3
#     make demo CHIP=esp32 FW_OLD=old.bin FW_NEW=new.app-bin
#
# Everything runs on emulated hardware; the flash images stay in build/demo.
set -eu

build=${BUILD:-build}
oneslot=$build/oneslot
demo=$build/demo
chip=${CHIP:-esp8266}
cut_at=400

say() {
    printf '\n== %s\n\n' "$*"
}

fail() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

# The console of the device; of the lines that show progress only the last of each kind.
console() {
    awk '
        { kind = $0 ~ /^(writing|checking) [0-9]+ %/ ? $1 : "" }
        held != "" && kind != held_kind { print held }
        { held = kind != "" ? $0 : ""; held_kind = kind }
        kind == "" { print }
        END { if (held != "") print held }'
}

# Runs the emulated device; its exit status would be lost in a pipe.
device() {
    status=0
    "$oneslot" run "$@" >"$demo/console.txt" 2>&1 || status=$?
    console <"$demo/console.txt"
    return "$status"
}

expect_console() {
    grep -q "$1" "$demo/console.txt" || fail "the device did not print '$1'"
}

expect_status() {
    text=$("$oneslot" status "$1")
    printf '%s\n' "$text"
    printf '%s\n' "$text" | grep -q "$2" || fail "the status is not '$2'"
}

example() {
    flash=$demo/example-$chip.bin
    files=$demo/files-$chip
    programs=$build/examples
    set --
    if [ "$chip" != esp8266 ]; then
        programs=$build/$chip
        # The board has its own model of the vendor's boot loader; this has its header.
        set -- --bootloader "$build/$chip/boot-stand-in.bin"
        say "For the board alone: its flash has a stand-in for Espressif's boot loader, which a device needs"
    fi
    [ -f "$programs/firmware-v1.bin" ] || fail "there is no example firmware for '$chip': esp8266, esp32, esp32s3, esp32c3"
    mkdir -p "$files/notes"
    cp "$programs/firmware-v2.bin" "$files/fw.bin"
    echo 'This file is on the device. It is still there after the upgrade.' >"$files/notes/keep.txt"

    say 'A new device: version 1 of the example firmware, and version 2 in a file on its file system'
    "$oneslot" image "$programs/firmware-v1.bin" --chip "$chip" --flash-size 4MB --fs "$files" "$@" -o "$flash"
    "$oneslot" fs ls "$flash"

    say "Power on. Version 1 asks for the upgrade; the power fails at flash operation $cut_at"
    device "$flash" --go --cut-at "$cut_at" --tear half
    expect_console 'example firmware, version 1'
    expect_console 'power cut at operation'

    say 'Power on again. The device goes on by itself'
    device "$flash" --go --until 'status: upgraded'
    expect_console 'example firmware, version 2'

    say 'What the device says of itself, and the file that had nothing to do with it'
    expect_status "$flash" 'upgraded to /fw.bin'
    "$oneslot" fs cat "$flash" /notes/keep.txt | cmp - "$files/notes/keep.txt" || fail 'the file has changed'
    "$oneslot" fs cat "$flash" /notes/keep.txt
}

images() {
    flash=$demo/yours-$chip.bin

    say "Your firmware: $(basename "$FW_OLD"), to become $(basename "$FW_NEW")"
    files=$demo/your-files-$chip
    mkdir -p "$files"
    cp "$FW_NEW" "$files/fw.bin"
    expected=$FW_NEW
    set -- image "$FW_OLD" --chip "$chip" --flash-size "${FW_FLASH_SIZE:-4MB}" --fs "$files" -o "$flash"
    if [ -n "${FW_BOOT:-}" ]; then
        # What lies at flash 0 in the end: the boot loader in its sector, then the application.
        expected=$demo/expected.bin
        dd if=/dev/zero bs=4096 count=1 2>/dev/null | tr '\000' '\377' >"$expected"
        dd if="$FW_BOOT" of="$expected" conv=notrunc 2>/dev/null
        cat "$FW_NEW" >>"$expected"
        set -- "$@" --boot "$FW_BOOT"
    fi
    "$oneslot" "$@"
    # The digest lets through an image that carries no proof of its own, as NodeMCU's.
    "$oneslot" request "$flash" /fw.bin --sha256 "$(sha256sum "$FW_NEW" | cut -d ' ' -f 1)"

    say "Power on. The power fails at flash operation $cut_at"
    device "$flash" --cut-at "$cut_at" --tear half

    say 'Power on again. The device goes on by itself, and enters the new firmware as the boot ROM would'
    device "$flash" --expect "$expected"

    say 'What the device says of itself'
    expect_status "$flash" 'upgraded to /fw.bin'
}

mkdir -p "$demo"
if [ -n "${FW_OLD:-}${FW_NEW:-}" ]; then
    if [ ! -f "${FW_OLD:-}" ] || [ ! -f "${FW_NEW:-}" ]; then
        fail 'FW_OLD and FW_NEW must both name a file'
    fi
    images
else
    example
fi
say 'The demo ends well.'
