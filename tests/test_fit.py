"""Whether a firmware fits a device: what it writes by itself, where it was linked for, what it needs in flash.

The images are the real ones of the firmware folder; the devices are made by `oneslot image`.
"""

import zlib

import pytest


@pytest.fixture()
def device(oneslot, firmware, tmp_path):
    """A device that a firmware runs on, with a file that is asked for."""
    def make(name, size="4MB", *options):
        boot = ["--boot", firmware / "boot_v1.7.bin"] if "user1" in name else []
        path = tmp_path / "flash.bin"
        (tmp_path / "empty").mkdir(exist_ok=True)
        oneslot.ok("image", firmware / f"{name}.bin", "--flash-size", size, *boot, *options, "--fs", tmp_path / "empty",
                   "-o", path)
        return path
    return make


def ask(oneslot, flash, file, *options):
    """`fs put` says the same as a warning that `request` refuses for. Returns what `request` did."""
    put = oneslot.ok("fs", "put", flash, file, "/fw.bin", "--json").json
    before = flash.read_bytes()
    result = oneslot("request", flash, "/fw.bin", *options, "--json")
    if result.status != 0:
        assert flash.read_bytes() == before, "a request that was refused leaves everything as it was"
        assert any("What would help" in text for text in put["warnings"])
    return result


# Old firmware, chip, new firmware, why not, words with the numbers.
UNFIT = [
    ("mp8266-v1.24.0", "4MB", "mp8266-v1.9.4", "IMAGE_CLAIMS", ("0x99000 to 0x3fb000", "'displaced'")),
    ("mp8266-v1.24.0", "4MB", "mp8266-v1.8.2-39", "IMAGE_CLAIMS", ("0x89000 to 0x3fc000",)),
    ("mp8266-v1.24.0", "4MB", "mp8266-1m-v1.22.2", "IMAGE_CLAIMS", ("0x99000 to 0x3fb000",)),
    ("mp8266-v1.24.0", "4MB", "wled8266-0.14.3", "IMAGE_CLAIMS", ("0x300000 to 0x3fa000", "'vfs'")),
    ("wled8266-0.14.2", "4MB", "mp8266-v1.24.0", "IMAGE_CLAIMS", ("0x100000 to 0x3fb000", "'displaced'")),
    ("mp8266-v1.24.0", "4MB", "nodemcu-20150107", "IMAGE_CLAIMS", ("SPIFFS", "0x5c000 to 0x3fc000")),
    ("mp8266-v1.9.4", "4MB", "mp8266-v1.24.0", "IMAGE_CLAIMS", ("0x100000 to 0x1fb000", "'fat'")),
    # The same place, another kind of file system: seen under the boot ROM to ask for a person for ever.
    ("mp8266-v1.9.4", "4MB", "mp8266-1m-v1.22.1", "IMAGE_CLAIMS", ("littlefs takes 0x99000", "'fat'", "another kind")),
    ("mp8266-1m-v1.22.1", "4MB", "mp8266-v1.9.4", "IMAGE_CLAIMS", ("FAT takes 0x99000", "'vfs'", "another kind")),
    ("mp8266-v1.24.0", "4MB", "boot_v1.7", "IMAGE_UNKNOWN", ("boot loader alone",)),
    # The program is a sector longer, and the files begin behind it.
    ("nodemcu-20150106", "4MB", "nodemcu-20150107", "IMAGE_CLAIMS", ("0x5c000 to 0x7c000", "'spiffs'", "be lost")),
    # Linked for a place that the header does not tell of: it runs without its files.
    ("at8266-user1-3.0.4", "4MB", "wled8266-0.14.2", "IMAGE_CLAIMS", ("0x300000 to 0x3fa000", "tells of 2 MiB")),
]
FIT = [
    ("mp8266-v1.23.0", "4MB", "mp8266-v1.24.0"), ("mp8266-v1.24.0", "4MB", "mp8266-v1.20.0"),
    ("mp8266-v1.24.0", "4MB", "mp8266-iot-20200701"), ("mp8266-v1.9.4", "4MB", "mp8266-v1.10"),
    ("mp8266-v1.10", "2MB", "mp8266-v1.9.4"), ("mp8266-1m-v1.22.1", "4MB", "mp8266-1m-v1.22.2"),
    ("wled8266-0.14.2", "4MB", "wled8266-0.14.3"), ("at8266-user1-3.0.4", "4MB", "at8266-user1-3.0.5"),
    ("at8266-user1-3.0.4", "2MB-c1", "mp8266-v1.24.0"),
    ("nodemcu-20150107", "4MB", "nodemcu-20150107"),
]


@pytest.mark.parametrize("old, size, new, error, words", UNFIT, ids=[f"{row[0]}-{row[2]}" for row in UNFIT])
def test_what_would_not_live_is_refused_with_the_numbers(oneslot, firmware, device, old, size, new, error, words):
    flash = device(old, size)
    result = ask(oneslot, flash, firmware / f"{new}.bin")
    assert result.status == 1 and result.error == error, result
    assert all(word in result.err for word in (*words, "What would help", "--force")), result.err
    forced = oneslot.ok("request", flash, "/fw.bin", "--force", "--json").json
    assert any(words[0] in text for text in forced["warnings"])


@pytest.mark.parametrize("old, size, new", FIT, ids=[f"{row[0]}-{row[2]}" for row in FIT])
def test_what_fits_is_asked_for_without_a_word(oneslot, firmware, device, old, size, new):
    result = ask(oneslot, device(old, size), firmware / f"{new}.bin")
    assert result.status == 0 and not [text for text in result.json["warnings"] if "help" in text], result


def test_a_package_is_looked_into(oneslot, firmware, device, tmp_path):
    oneslot.ok("pack", firmware / "mp8266-v1.9.4.bin", "--version", "1.9.4", "-o", tmp_path / "old.osp")
    result = ask(oneslot, device("mp8266-v1.24.0"), tmp_path / "old.osp")
    assert result.status == 1 and result.error == "IMAGE_CLAIMS"


def test_a_sector_of_another_s_calibration_is_no_phy_init_data(oneslot, firmware, device):
    flash = device("mp8266-v1.23.0")
    bytes_ = bytearray(flash.read_bytes())
    bytes_[0x3FC000:0x3FC080] = bytes.fromhex("00ff0000") * 32  # as WLED leaves it
    flash.write_bytes(bytes_)
    result = ask(oneslot, flash, firmware / "mp8266-v1.24.0.bin")
    assert result.status == 1 and result.error == "PHY_INIT" and "0x3fc000" in result.err
    found = oneslot("map", "check", flash, "--json").json["maps"][0]["findings"]
    assert [row["weight"] for row in found if row["rule"] == "content-phy-init"] == ["error"]


def test_phy_init_data_are_laid_where_the_firmware_needs_and_lacks_them(oneslot, firmware, device, tmp_path):
    blank = b"\xff" * 128
    for name, size, place in (("at8266-user1-3.0.5", "4MB", 0x1FC000), ("mp8266-v1.9.4", "4MB", 0x1FC000),
                              ("mp8266-v1.10", "2MB", 0xFC000), ("mp8266-v1.24.0", "8MB", 0x7FC000)):
        flash = device(name, size).read_bytes()
        data = flash[place : place + 128]
        assert data[0] == 5 and data in (firmware / f"{name}.bin").read_bytes(), name
    assert device("mp8266-v1.24.0").read_bytes()[0x3FC000 : 0x3FC000 + 128] == blank, "it lays them itself"
    (tmp_path / "mine").write_bytes(bytes([5]) + bytes(range(127)))
    flash = device("at8266-user1-3.0.5", "4MB", "--init-data", tmp_path / "mine").read_bytes()
    assert flash[0x1FC000 : 0x1FC000 + 128] == (tmp_path / "mine").read_bytes()
    (tmp_path / "other").write_bytes(bytes(128))
    result = oneslot("image", firmware / "mp8266-v1.9.4.bin", "--flash-size", "4MB", "--init-data", tmp_path / "other",
                     "-o", tmp_path / "x", "--json")
    assert result.status == 1 and result.error == "PHY_INIT"


def user2(firmware):
    """The user1 as if it were linked for the second half of 512 KiB: what is an address in its own code is 0x80000
    further on. Its ROM checksum and CRC-32 are right."""
    image = bytearray((firmware / "at8266-user1-3.0.5.bin").read_bytes()[:-4])
    for offset in range(0, len(image) - 3, 4):
        word = int.from_bytes(image[offset : offset + 4], "little")
        if 0x40201000 <= word < 0x40201000 + len(image):
            image[offset : offset + 4] = (word + 0x80000).to_bytes(4, "little")
    at, checksum = 0x5AD50 + 8, 0xEF  # the segments behind the second header
    for _ in range(3):
        length = int.from_bytes(image[at + 4 : at + 8], "little")
        for byte in image[at + 8 : at + 8 + length]:
            checksum ^= byte
        at += 8 + length
    image[-1] = checksum
    crc = zlib.crc32(image)
    return bytes(image) + (crc ^ 0xFFFFFFFF if crc >> 31 else crc + 1).to_bytes(4, "little")


def test_what_was_linked_for_another_place_is_told_by_its_addresses(oneslot, firmware, device, tmp_path):
    (tmp_path / "user2.bin").write_bytes(user2(firmware))
    assert oneslot("info", tmp_path / "user2.bin").status == 0, "it is whole"
    result = ask(oneslot, device("at8266-user1-3.0.4", "2MB-c1"), tmp_path / "user2.bin")
    assert result.status == 1 and result.error == "IMAGE_PLACE" and "0x81000" in result.err, result
    packed = oneslot.ok("pack", tmp_path / "user2.bin", "--version", "3", "-o", tmp_path / "p.osp")
    assert "0x81000" in packed.err


def test_a_user1_for_another_size_of_flash_is_refused(oneslot, firmware, device):
    flash = device("at8266-user1-3.0.4", "4MB")
    bytes_ = bytearray(flash.read_bytes())
    bytes_[3] = 0x60 | bytes_[3] & 0x0F  # a device that was made as 4MB-c1
    flash.write_bytes(bytes_)
    result = ask(oneslot, flash, firmware / "at8266-user1-3.0.5.bin")
    assert result.status == 1 and result.error == "IMAGE_CLAIMS" and "2 MiB" in result.err


def test_a_firmware_that_is_too_large_for_its_region_is_told_in_bytes(oneslot, firmware, device):
    """The build for 1 MB has its files at 0x99000, whatever the chip; WLED ends far behind that."""
    result = ask(oneslot, device("mp8266-1m-v1.22.1", "4MB"), firmware / "wled8266-0.14.3.bin")
    size = (firmware / "wled8266-0.14.3.bin").stat().st_size
    assert result.status == 1 and f"{size - 0x98000} bytes too many" in result.err, result


@pytest.mark.parametrize("name, words", [
    ("mp8266-v1.24.0", {"vfs": "at its first start"}),
    ("mp8266-v1.9.4", {"fat": "at its first start", "littlefs": "never makes"}),
    ("wled8266-0.14.2", {"littlefs": "when its program asks"}),
    ("at8266-user1-3.0.4", {"littlefs": "never makes"}),
    ("nodemcu-20150107", {"littlefs": "never makes"}),
])
def test_who_makes_a_file_system_is_said_as_it_is(oneslot, firmware, tmp_path, name, words):
    """Only the firmware's own place is filled by it; Oneslot's own file system nobody makes but a person."""
    boot = ["--boot", firmware / "boot_v1.7.bin"] if "user1" in name else []
    oneslot.ok("image", firmware / f"{name}.bin", "--flash-size", "4MB", *boot, "-o", tmp_path / "f.bin")
    said = [finding["text"] for finding in oneslot.ok("map", "check", tmp_path / "f.bin", "--json").json["maps"][0]["findings"]
            if finding["rule"] == "content-fs-missing"]
    assert len(said) == len(words)
    for label, text in words.items():
        assert any(f"'{label}'" in line and text in line for line in said), said
