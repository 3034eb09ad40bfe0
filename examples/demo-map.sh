#!/bin/sh
# Shows a device that moves from the map of the vendor's SDK 1 (file system from 0x89000, four system sectors) to that
# of SDK 2 (from 0x90000, five), with all its files; and what happens when they do not fit.
#
#     make demo-map
#
# The file systems are made and read by the PyPI package littlefs-python. The images stay in build/demo-map.
set -eu

build=${BUILD:-build}
python=${PYTHON:-$build/deps/venv/bin/python}
oneslot=$build/oneslot
demo=$build/demo-map
files=$(dirname "$0")/demo_map.py
size=0x200000
old_start=0x89000 old_end=0x1fc000
new_start=0x90000 new_end=0x1fb000

say() {
    printf '\n== %s\n\n' "$*"
}

fail() {
    printf 'demo-map: %s\n' "$*" >&2
    exit 1
}

device() {
    "$python" "$files" make "$demo/old.bin" "$build/examples/firmware-v1.bin" $size $old_start $old_end "$1"
}

move() {
    rm -f "$demo/new.bin"
    "$oneslot" map move "$demo/old.bin" --from sdk1-89000 --to sdk2-90000 -o "$demo/new.bin"
}

mkdir -p "$demo"

say 'An old device of 2 MB: its file system, from 0x89000, is 95 % full'
device 95

say 'Its dump becomes an image for the new map'
move

say 'The files, before and after'
"$python" "$files" compare "$demo/old.bin" $old_start $old_end "$demo/new.bin" $new_start $new_end
firmware=$(wc -c <"$build/examples/firmware-v1.bin")
cmp -n "$firmware" "$demo/old.bin" "$demo/new.bin" || fail 'the firmware has changed'
cmp -i $old_end "$demo/old.bin" "$demo/new.bin" || fail "the SDK's last sectors have changed"
echo "The firmware and the SDK's last four sectors: the same"

say 'Another one, 99 % full: the new file system is eight sectors smaller'
device 99
if move 2>"$demo/refused.txt"; then
    fail 'it was not refused'
fi
cat "$demo/refused.txt"
grep -q '[1-9][0-9]* bytes are missing' "$demo/refused.txt" || fail 'the refusal does not say what is missing'
[ ! -e "$demo/new.bin" ] || fail 'there is an image all the same'
say 'The demo ends well.'
