"""The C side of the tests that compare: core/api.c on a flash image, for each family of chips."""

import os
import shlex
import subprocess

from conftest import BUILD, ROOT, Program

BEARSSL = BUILD / "deps" / "bearssl"
MD5 = [BEARSSL / "src" / f"{name}.c" for name in ("hash/md5", "codec/dec32le", "codec/enc32le")]
BEARSSL_FLAGS = ["-DBR_LE_UNALIGNED=0", "-isystem", BEARSSL / "inc", "-isystem", BEARSSL / "src"]
STRICT = ["-Wall", "-Wextra", "-Werror"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
CC = shlex.split(os.environ.get("CC", "cc"))
CXX = shlex.split(os.environ.get("CXX", "c++"))

# What an application links, no more.
CORE = ["api", "journal", "flash", "layout", "crc32", "version", "error"]
TABLE = ["api_table", "layout_table", "otadata", "map", "md5"]
SAVE = ["save", "pack", "pack_filter", "sha256"]


class Family:
    """A kind of device: what MicroPython calls it, where its journal and all that a request writes lie in flash."""

    def __init__(self, platform, kind, journal, written, core):
        self.platform, self.kind, self.journal, self.written, self.core = platform, kind, journal, written, core

    def build(self, folder):
        """The C side: core/api.c on a flash image. An application for it links no more of the core than this."""
        room = ROOT / "tests" / "micropython"
        sources = [room / f"{name}.c" for name in ("peer", f"peer_{self.kind}", f"open_{self.kind}")]
        sources += [ROOT / "core" / f"{name}.c" for name in self.core] + (MD5 if "md5" in self.core else [])
        flags = ["-std=c11", *STRICT, *SANITIZE, *BEARSSL_FLAGS, f"-I{ROOT / 'include'}"]
        program = folder / self.platform
        subprocess.run([*CC, *flags, *sources, "-o", program], check=True)
        return Program(program)


FAMILIES = [
    Family("esp8266", "layout", 0xF5000, slice(0xF5000, 0xF7000), CORE),
    Family("esp32", "table", 0xF2000, slice(0xF0000, 0xF4000), CORE + TABLE),
]
