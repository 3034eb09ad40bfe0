# Stands in for the ESP8266's `machine` module.


class Reset(BaseException):
    """The board resets: nothing after the call runs."""


def reset():
    raise Reset()
