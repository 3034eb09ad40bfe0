"""Malformed packages, one for each thing that can be wrong with one, and the error that each must be refused with.

Written by nobody's code but this file's, after MCUboot's image.h and docs/FORMATS.md. All digests and signatures are
made over what is malformed, so that nothing else is wrong with it.
"""
import copy
import hashlib
import lzma
import struct

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

CRITICAL = 0x8000
CHIP, KIND, CODEC, UNPACKED, MINIMUM, BASE, BOARD, DOWNGRADE, INSTALLER = range(0x4FA0, 0x4FA9)
KEY_HASH, SHA256, SIGNATURE = 0x01, 0x10, 0x22
PROTECTED, PLAIN = 0x6908, 0x6907
HEADER = 32


def small_firmware(seed, length=0x9000 + 512):
    """A firmware as MicroPython's are laid out, as small as such a one can be, and proven by its MD5. `length`: where it
    says that the MD5 lies."""
    code = b"".join(hashlib.sha256(struct.pack("<II", seed, word // 9)).digest()[:8] for word in range(512))
    checksum = 0xEF
    for byte in code:
        checksum ^= byte
    image = struct.pack("<BBBBIII", 0xE9, 1, 2, 0x20, 0x40100004, 0x40100000, len(code)) + code
    image += bytes(15 - len(image) % 16) + bytes([checksum])
    image += b"\xff" * (0x8FFC - len(image))
    image += struct.pack("<I", length) + hashlib.sha512(bytes([seed])).digest() * 8
    return image + hashlib.md5(image[4:]).digest()


class Entry:
    def __init__(self, kind, value):
        self.kind, self.value = kind, value
        self.claimed = None  # the length that it says, if it lies


class Entries(list):
    def __init__(self, magic, entries=()):
        super().__init__(entries)
        self.magic = magic
        self.lie = 0  # added to the length that it says

    def of(self, kind):
        return next(entry for entry in self if entry.kind & 0x7FFF == kind)

    def drop(self, kind):
        self.remove(self.of(kind))

    def bytes(self):
        body = b"".join(
            struct.pack("<HH", entry.kind, len(entry.value) if entry.claimed is None else entry.claimed) + entry.value
            for entry in self)
        return struct.pack("<HH", self.magic, len(body) + 4 + self.lie) + body


class Recipe:
    """A package taken apart, to be put together with something wrong in it."""

    def __init__(self, package, key, other_key):
        self.key, self.other_key = key, other_key
        magic, self.address, header, listed, size, self.flags = struct.unpack_from("<IIHHII", package)
        assert magic == 0x96F3B83D and header == HEADER
        self.version = package[20:28]
        self.payload = package[HEADER:HEADER + size]
        self.header_lie = self.payload_lie = self.protected_lie = 0
        self.behind = b""
        self.digest_of_other = self.signature_of_other = False
        at = HEADER + size
        self.protected = self.read(package, at, PROTECTED)
        self.plain = self.read(package, at + listed, PLAIN)
        self.parameters = bytearray(self.protected.of(CODEC).value)

    @staticmethod
    def read(package, at, magic):
        found, total = struct.unpack_from("<HH", package, at)
        assert found == magic
        entries, end, at = Entries(magic), at + total, at + 4
        while at < end:
            kind, length = struct.unpack_from("<HH", package, at)
            entries.append(Entry(kind, package[at + 4:at + 4 + length]))
            at += 4 + length
        return entries

    def list_of(self, kind):
        return self.plain if kind in (KEY_HASH, SHA256, SIGNATURE) else self.protected

    def set_claim(self, size):
        """The size that the image is said to unpack to."""
        entry = self.protected.of(UNPACKED)
        entry.value = struct.pack("<I", size) + entry.value[4:]

    def set_parameter(self, at, value):
        self.parameters[at] = value
        self.protected.of(CODEC).value = bytes(self.parameters)

    def repack(self, image, claim):
        """Another stream, without a filter."""
        self.payload = lzma.compress(image, format=lzma.FORMAT_RAW, filters=[
            {"id": lzma.FILTER_LZMA1, "dict_size": 4096, "lc": 0, "lp": 0, "pb": 0}])
        self.protected.of(CODEC).value = struct.pack("<BBBI", 1, 0, 0, 4096)
        self.protected.of(UNPACKED).value = struct.pack("<I", claim) + hashlib.sha256(image[:claim]).digest()

    def bytes(self):
        protected = self.protected.bytes() if self.protected else b""
        covered = struct.pack(
            "<IIHHII", 0x96F3B83D, self.address, HEADER + self.header_lie & 0xFFFF,
            len(protected) + self.protected_lie & 0xFFFF, len(self.payload) + self.payload_lie & 0xFFFFFFFF, self.flags)
        covered += self.version + bytes(4) + self.payload + protected
        digest = hashlib.sha256(covered + b"x" * self.digest_of_other).digest()
        signed = hashlib.sha256(covered + b"x" * self.signature_of_other).digest()
        point = self.key.public_key().public_bytes(serialization.Encoding.DER,
                                                   serialization.PublicFormat.SubjectPublicKeyInfo)
        made = {SHA256: digest, KEY_HASH: hashlib.sha256(point).digest(),
                SIGNATURE: self.key.sign(signed, ec.ECDSA(utils.Prehashed(hashes.SHA256())))}
        plain = copy.deepcopy(self.plain)
        for entry in plain:
            if entry.value == "made":
                entry.value = made[entry.kind]
            elif callable(entry.value):
                entry.value = entry.value(made[entry.kind])
        return covered + plain.bytes() + self.behind


def change(entry, value):
    entry.value = value


def shorten(kind, to):
    def apply(recipe):
        entry = recipe.list_of(kind).of(kind)
        entry.value = (lambda made: made[:to]) if entry.value == "made" else entry.value[:to]
    return apply


def double(kind):
    def apply(recipe):
        entries = recipe.list_of(kind)
        entries.append(copy.deepcopy(entries.of(kind)))
    return apply


def move(kind):
    """Into the other list, to its front: before the signature, which would be complained of first."""
    def apply(recipe):
        entries = recipe.list_of(kind)
        other = recipe.protected if entries is recipe.plain else recipe.plain
        entry = entries.of(kind)
        entries.remove(entry)
        other.insert(0, entry)
        if entry.value == "made":
            entry.value = bytes(72 if kind == SIGNATURE else 32)
    return apply


def run_out(kind):
    """The last of its list, with a length that leads out of it."""
    def apply(recipe):
        entries = recipe.list_of(kind)
        entry = entries.of(kind)
        del entries[entries.index(entry) + 1:]
        entry.claimed = 0xFFFF
    return apply


def attribute(name, value):
    return lambda recipe: setattr(recipe, name, value)


def swap_lists(recipe):
    recipe.protected.magic, recipe.plain.magic = PLAIN, PROTECTED


def swap_key_and_signature(recipe):
    entry = recipe.plain.of(KEY_HASH)
    recipe.plain.remove(entry)
    recipe.plain.append(entry)


def wrong_key(recipe):
    recipe.key = recipe.other_key


def sign_by_rsa(recipe):
    recipe.plain.drop(SIGNATURE)
    recipe.plain.append(Entry(0x20, bytes(256)))


def payload(function):
    def apply(recipe):
        recipe.payload = function(recipe.payload)
    return apply


NAMES = {CHIP: "chip", KIND: "kind", CODEC: "codec", UNPACKED: "unpacked", SHA256: "digest", KEY_HASH: "key",
         SIGNATURE: "signature"}
LAST_SHORT = {CHIP: 1, KIND: 0, CODEC: 0, UNPACKED: 35, SHA256: 31, KEY_HASH: 31, SIGNATURE: 7}

# Name: what is done, the error.
CASES = {}
for entry_kind, entry_name in NAMES.items():
    CASES[f"{entry_name} cut"] = shorten(entry_kind, LAST_SHORT[entry_kind]), "PACKAGE_TLV"
    CASES[f"{entry_name} doubled"] = double(entry_kind), "PACKAGE_DUPLICATE"
    CASES[f"{entry_name} in the other list"] = move(entry_kind), "PACKAGE_PLACE"
    CASES[f"{entry_name} leads out of its list"] = run_out(entry_kind), "PACKAGE_TLV"
CASES.update({
    "header of 0 bytes": (attribute("header_lie", -32), "PACKAGE_HEADER"),
    "header of 31 bytes": (attribute("header_lie", -1), "PACKAGE_HEADER"),
    "header of 40 bytes": (attribute("header_lie", 8), "PACKAGE_AREA"),
    "header of 64 KiB": (attribute("header_lie", 0xFFFF - 32), "PACKAGE_TRUNCATED"),
    "payload of 0 bytes": (lambda recipe: setattr(recipe, "payload_lie", -len(recipe.payload)), "PACKAGE_HEADER"),
    "payload of 4 GiB": (lambda recipe: setattr(recipe, "payload_lie", 0xFFFFFFFF - len(recipe.payload)),
                         "PACKAGE_TRUNCATED"),
    "payload round the end": (lambda recipe: setattr(recipe, "payload_lie", -32 - len(recipe.payload)),
                              "PACKAGE_TRUNCATED"),
    "payload of a byte more": (attribute("payload_lie", 1), "PACKAGE_AREA"),
    "payload of a byte less": (attribute("payload_lie", -1), "PACKAGE_AREA"),
    "protected list of a byte less": (attribute("protected_lie", -1), "PACKAGE_AREA"),
    "protected list of 64 KiB": (attribute("protected_lie", 0xF000), "PACKAGE_TRUNCATED"),
    "protected list that says more": (lambda recipe: setattr(recipe.protected, "lie", 8), "PACKAGE_AREA"),
    "list that says more": (lambda recipe: setattr(recipe.plain, "lie", 0xF000), "PACKAGE_TRUNCATED"),
    "list that says less": (lambda recipe: setattr(recipe.plain, "lie", -10), "PACKAGE_TLV"),
    "lists swapped": (swap_lists, "PACKAGE_AREA"),
    "a byte behind": (attribute("behind", b"\0"), "PACKAGE_LENGTH"),
    "encrypted": (attribute("flags", 4), "PACKAGE_FLAGS"),
    "a demand of a vendor": (lambda recipe: recipe.protected.append(Entry(0x80A0, b"")), "PACKAGE_CRITICAL"),
    "a demand of MCUboot": (lambda recipe: recipe.protected.append(Entry(0x40, bytes(12))), "PACKAGE_CRITICAL"),
    "no digest": (lambda recipe: recipe.plain.drop(SHA256), "PACKAGE_INCOMPLETE"),
    "no unpacked size": (lambda recipe: recipe.protected.drop(UNPACKED), "PACKAGE_INCOMPLETE"),
    "key and signature swapped": (swap_key_and_signature, "PACKAGE_PLACE"),
    "digest of other bytes": (attribute("digest_of_other", True), "PACKAGE_HASH"),
    "signature of other bytes": (attribute("signature_of_other", True), "PACKAGE_SIGNATURE"),
    "signature of zeros": (lambda recipe: change(recipe.plain.of(SIGNATURE), bytes.fromhex("3006020100020100") + bytes(62)),
                           "PACKAGE_SIGNATURE"),
    "signature by another key": (wrong_key, "PACKAGE_KEY"),
    "no signature": (lambda recipe: recipe.plain.drop(SIGNATURE), "PACKAGE_UNSIGNED"),
    "signature by RSA": (sign_by_rsa, "PACKAGE_SIGNATURE_KIND"),
    "bomb that claims 4 GiB": (lambda recipe: recipe.set_claim(0xFFFFFFFF), "IMAGE_TOO_LARGE"),
    "bomb that claims 16 MiB and a byte": (lambda recipe: recipe.set_claim(0x1000001), "IMAGE_TOO_LARGE"),
    "claim of nothing": (lambda recipe: recipe.set_claim(0), "PACKAGE_TLV"),
    "unknown codec": (lambda recipe: recipe.set_parameter(0, 9), "PACKAGE_CODEC"),
    "filter of another chip": (lambda recipe: recipe.set_parameter(1, 2), "PACKAGE_CODEC"),
    "unknown filter": (lambda recipe: recipe.set_parameter(1, 4), "PACKAGE_CODEC"),
    "impossible properties": (lambda recipe: recipe.set_parameter(2, 225), "PACKAGE_CODEC"),
    "dictionary of 4 GiB": (lambda recipe: recipe.set_parameter(6, 0xFF), "PACKAGE_CODEC"),
    "parameters of a byte less": (lambda recipe: change(recipe.protected.of(CODEC), bytes(recipe.parameters[:-1])),
                                  "PACKAGE_CODEC"),
    "stream that begins wrong": (payload(lambda data: b"\1" + data[1:]), "PACKAGE_STREAM"),
    "stream of noise": (payload(lambda data: b"\0" + b"\xff" * (len(data) - 1)), "PACKAGE_STREAM"),
    "stream that stops": (payload(lambda data: data[:-16]), "PACKAGE_SHORT"),
    "stream of 4 bytes": (payload(lambda data: data[:4]), "PACKAGE_SHORT"),
    "stream that runs on": (payload(lambda data: data + b"\0"), "PACKAGE_SIZE"),
    "stream for more than the claim": (lambda recipe: recipe.repack(recipe.image + bytes(4), len(recipe.image)),
                                       "PACKAGE_SIZE"),
    "stream for less than the claim": (lambda recipe: recipe.repack(recipe.image[:-4], len(recipe.image)),
                                       "PACKAGE_SHORT"),
    "bomb that holds 16 MiB": (lambda recipe: recipe.repack(recipe.image + bytes(0x1000000), len(recipe.image)),
                               "PACKAGE_SIZE"),
    "bomb that claims 16 MiB": (lambda recipe: recipe.repack(small_firmware(2, 0x1000000 - 16), 0x1000000),
                                "PACKAGE_SHORT"),
})


def make(package, image, key, other_key):
    """{name: (bytes, error)} from a good package, the image in it, its key and another as their library has them."""
    made = {}
    base = Recipe(package, key, other_key)
    for entry in base.plain:
        entry.value = "made"
    base.image = image
    for name, (apply, error) in {"good": (lambda recipe: None, "NONE"), **CASES}.items():
        recipe = copy.copy(base)
        recipe.protected, recipe.plain = copy.deepcopy(base.protected), copy.deepcopy(base.plain)
        recipe.parameters = bytearray(base.parameters)
        apply(recipe)
        made[name] = recipe.bytes(), error
    return made
