# Stands in for the ESP8266's `machine` module.


class Reset(BaseException):
    """The board resets: nothing after the call runs."""


def reset():
    raise Reset()


# The words of memory that are read: the ROM's pointer to what it knows of the flash chip, and the chip's size there.
mem32 = {0x3FFFC714: 0x3FFFC718, 0x3FFFC71C: 1 << 22}
