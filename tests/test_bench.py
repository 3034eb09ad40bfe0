"""The flash time of an upgrade stays close to what the difference of the two images needs; a signature is soon checked, and
unpacking takes less than the flash chip."""
import importlib.util
import pathlib

import pytest

LIMIT = 1.10


@pytest.fixture(scope="module")
def bench():
    path = pathlib.Path(__file__).parent.parent / "bench" / "bench.py"
    spec = importlib.util.spec_from_file_location("bench", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_upgrade_takes_little_more_flash_time_than_its_difference_needs(bench, build):
    example = build / "examples"
    time = bench.flash_time(build, example / "firmware-v1.bin", example / "firmware-v2.bin", None)
    assert 1.0 <= time["ratio"] <= LIMIT


@pytest.mark.parametrize(
    "old, new, boot",
    [
        ("mp8266-v1.23.0.bin", "mp8266-v1.24.0.bin", None),
        ("mp8266-v1.9.4.bin", "mp8266-v1.10.bin", None),
        ("wled8266-0.14.2.bin", "wled8266-0.14.3.bin", None),
        ("nodemcu-20150106.bin", "nodemcu-20150107.bin", None),
        ("at8266-user1-3.0.4.bin", "at8266-user1-3.0.5.bin", "boot_v1.7.bin"),
    ],
)
def test_upgrades_of_shipped_firmware_do_so_too(bench, build, firmware, old, new, boot):
    time = bench.flash_time(build, firmware / old, firmware / new, firmware / boot if boot else None)
    assert 1.0 <= time["ratio"] <= LIMIT
    assert time["took_ms"] < time["by_sectors_ms"]


def test_a_signature_is_checked_in_less_than_two_seconds(bench, build):
    count = bench.signature_check(build)
    # Far too few would mean that nothing was checked.
    assert 10e6 < count and count * bench.CYCLES / bench.KHZ / 1000 < 2.0


def test_unpacking_takes_less_than_the_flash_chip_does(bench, build):
    example = build / "examples"
    took = bench.unpacking(build, example / "firmware-v1.bin", example / "firmware-v2.bin")
    # With a cycle for an instruction, and against erasing and programming together.
    assert 0 < took["instructions"] < took["busy"]
    assert round(took["program"]) == 219
