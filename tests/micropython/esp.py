# Stands in for the ESP8266's `esp` module: a flash chip in the file /flash.bin, with the rules of NOR flash.


class PowerCut(BaseException):
    """The power goes; nothing that the program does may catch this."""


cut_at = -1  # the operation (program of a page, erase of a sector) during which the power goes; -1 for none
tear = "before"  # what the cut operation has done: "before" nothing, "half", or "after" all of it
failing = 0  # operations and reads, from now on, that end in an error without having done anything
operations = 0  # that were begun
dead = "", 0, 0  # which operations (some of r, p, e), from, to: what of the chip answers no more
limit = None  # called for where the chip ends for the ROM's functions; None for no limit
_off = False


def power_on():
    global cut_at, _off
    cut_at = -1
    _off = False


def _begin():
    global operations, _off
    if _off:
        raise PowerCut()
    number = operations
    operations += 1
    _off = number == cut_at


def _fail():
    global failing
    if failing > 0:
        failing -= 1
        raise OSError(5)


def _is_dead(operation, address, length):
    if operation in dead[0] and address < dead[2] and address + length > dead[1]:
        raise OSError(5)


def _change(address, data):
    with open("/flash.bin", "r+b") as chip:
        chip.seek(address)
        chip.write(data)


def _apply(address, old, new):
    if _off:
        if tear == "half":
            half = len(new) // 2
            _change(address, new[:half] + old[half:])
        elif tear == "after":
            _change(address, new)
        raise PowerCut()
    _change(address, new)


def _peek(address, length):
    with open("/flash.bin", "rb") as chip:
        chip.seek(address)
        return chip.read(length)


def _check(address, length):
    if address % 4 or length % 4:
        raise ValueError("flash access off a word's boundary")
    if limit and address + length > limit():
        raise OSError(5)


def flash_read(address, buffer):
    if _off:
        raise PowerCut()
    _check(address, len(buffer))
    _fail()
    _is_dead("r", address, len(buffer))
    data = _peek(address, len(buffer))
    if len(data) != len(buffer):
        raise OSError(5)
    buffer[:] = data


def flash_write(address, data):
    _check(address, len(data))
    if not isinstance(data, (bytearray, memoryview)):
        raise TypeError("the data may lie in the flash itself")
    while len(data):
        _begin()
        _fail()
        part = min(len(data), 256 - address % 256)
        _is_dead("p", address, part)
        old = _peek(address, part)
        _apply(address, old, bytes(a & b for a, b in zip(old, data[:part])))
        data = data[part:]
        address += part


def flash_erase(sector):
    _check(sector * 4096, 4096)
    _begin()
    _fail()
    _is_dead("e", sector * 4096, 4096)
    _apply(sector * 4096, _peek(sector * 4096, 4096), b"\xff" * 4096)
