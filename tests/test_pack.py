"""Packages between this project's tool and MCUboot's own (imgtool): each reads what the other wrote, keys and packages,
and what is wrong is refused by its name."""

import base64
import hashlib
import lzma
import os
import stat
import struct
import sys

import pytest
from conftest import BUILD, FIRMWARE, Program

REAL = ["mp8266-v1.24.0.bin", "mp8266-1m-v1.22.2.bin", "nodemcu-20150107.bin", "wled8266-0.14.3.bin",
        "at8266-user1-3.0.5.bin", "mp32c3-v1.22.1.bin"]
EXAMPLE = "example firmware"
CRITICAL = 0x8000
CHIP, KIND, CODEC, UNPACKED, MINIMUM, BASE, BOARD, DOWNGRADE, INSTALLER, CLAIMS = range(0x4FA0, 0x4FAA)
FROM_END, INIT_DATA, FILLED = 1, 2, 4


@pytest.fixture(scope="session")
def imgtool():
    return Program(BUILD / "deps" / "venv" / "bin" / "imgtool")


@pytest.fixture(scope="session")
def openssl():
    return Program("openssl")


@pytest.fixture(scope="session")
def keys(oneslot, imgtool, tmp_path_factory):
    """A key of ours and one of imgtool's, the public half of each, and the public half of a third."""
    folder = tmp_path_factory.mktemp("keys")
    oneslot.ok("keygen", "-o", folder / "ours.pem", "--public", folder / "ours.pub.pem")
    oneslot.ok("keygen", "-o", folder / "other.pem", "--public", folder / "other.pub.pem")
    imgtool.ok("keygen", "-t", "ecdsa-p256", "-k", folder / "theirs.pem")
    imgtool.ok("getpub", "-k", folder / "theirs.pem", "-e", "pem", "-o", folder / "theirs.pub.pem")
    return folder


@pytest.fixture(params=[EXAMPLE, *REAL])
def image(request, tmp_path):
    if request.param == EXAMPLE:
        return BUILD / "examples" / "firmware-v1.bin"
    if not FIRMWARE.is_dir():
        pytest.skip(f"no real firmware at {FIRMWARE}: set ONESLOT_FIRMWARE to its folder")
    if request.param.startswith("mp32c3"):
        # Of a combined file of the ESP32 family the application is packed.
        (tmp_path / "application.bin").write_bytes((FIRMWARE / request.param).read_bytes()[0x10000:])
        return tmp_path / "application.bin"
    return FIRMWARE / request.param


@pytest.fixture
def example():
    return BUILD / "examples" / "firmware-v1.bin"


@pytest.fixture
def package(oneslot, keys, example, tmp_path):
    """The example firmware, packed and signed with our key."""
    path = tmp_path / "fw.osp"
    oneslot.ok("pack", example, "--version", "1.24.0", "--key", keys / "ours.pem", "-o", path)
    return path


def imgtool_sign(imgtool, image, key, out, *options, version="1.24.0"):
    imgtool.ok("sign", "--key", key, "--header-size", "0x20", "--pad-header", "--slot-size", "0x200000",
               "--version", version, *options, image, out)
    return out


class Parts:
    """A package as MCUboot's image.h describes it, taken apart and put together by nobody's code but this test's."""

    def __init__(self, data):
        magic, self.address, header, listed, payload, self.flags = struct.unpack_from("<IIHHII", data)
        assert magic == 0x96F3B83D
        self.header, self.payload = data[:header], data[header:header + payload]
        self.hashed = header + payload + listed
        self.protected = self.entries(data, header + payload, 0x6908) if listed else []
        self.plain = self.entries(data, self.hashed, 0x6907)

    @staticmethod
    def entries(data, offset, expected):
        magic, total = struct.unpack_from("<HH", data, offset)
        assert magic == expected
        found, at = [], offset + 4
        while at < offset + total:
            kind, length = struct.unpack_from("<HH", data, at)
            found.append((kind, data[at + 4:at + 4 + length]))
            at += 4 + length
        assert at == offset + total
        return found

    @staticmethod
    def write(magic, entries):
        body = b"".join(struct.pack("<HH", kind, len(value)) + value for kind, value in entries)
        return struct.pack("<HH", magic, len(body) + 4) + body

    def bytes(self):
        protected = self.write(0x6908, self.protected) if self.protected else b""
        header = bytearray(self.header)
        struct.pack_into("<HI", header, 10, len(protected), len(self.payload))
        return bytes(header) + self.payload + protected + self.write(0x6907, self.plain)

    def reseal(self):
        """The digest made right again; the signature is not."""
        data = self.bytes()
        size = len(self.header) + len(self.payload) + len(self.write(0x6908, self.protected)) * bool(self.protected)
        self.plain = [(kind, hashlib.sha256(data[:size]).digest() if kind == 0x10 else value)
                      for kind, value in self.plain]
        return self.bytes()


def refusal(oneslot, path, *arguments):
    result = oneslot("verify", path, *arguments, "--json")
    assert result.status == 1, result
    return result.error


class TestKeys:
    def test_a_new_key_is_for_its_owner_alone_and_is_never_overwritten(self, oneslot, tmp_path):
        path = tmp_path / "key.pem"
        previous = os.umask(0)
        try:
            oneslot.ok("keygen", "-o", path)
        finally:
            os.umask(previous)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        content = path.read_bytes()
        assert content.startswith(b"-----BEGIN PRIVATE KEY-----\n")
        assert "never overwritten" in oneslot("keygen", "-o", path).err
        assert path.read_bytes() == content

    def test_two_keys_are_not_the_same(self, oneslot, tmp_path):
        hashes = {oneslot.ok("keygen", "-o", tmp_path / name, "--json").json["key_hash"] for name in "abc"}
        assert len(hashes) == 3

    def test_imgtool_and_openssl_read_our_keys(self, oneslot, imgtool, openssl, keys):
        theirs = imgtool.ok("getpub", "-k", keys / "ours.pem", "-e", "pem").out
        assert theirs.strip() == (keys / "ours.pub.pem").read_text().strip()
        text = openssl.ok("pkey", "-in", keys / "ours.pem", "-noout", "-text", "-check").out
        assert "P-256" in text and "is valid" in text

    def test_we_read_the_keys_of_imgtool_and_openssl(self, oneslot, openssl, keys, tmp_path):
        oneslot.ok("keygen", "--from", keys / "theirs.pem", "--public", tmp_path / "pub.pem")
        assert (tmp_path / "pub.pem").read_text().strip() == (keys / "theirs.pub.pem").read_text().strip()
        # The bare form, behind an object of its own with the curve.
        openssl.ok("ecparam", "-name", "prime256v1", "-genkey", "-out", tmp_path / "bare.pem")
        assert (tmp_path / "bare.pem").read_text().startswith("-----BEGIN EC PARAMETERS-----")
        oneslot.ok("keygen", "--from", tmp_path / "bare.pem", "--public", tmp_path / "bare.pub.pem")
        expected = openssl.ok("pkey", "-in", tmp_path / "bare.pem", "-pubout").out
        assert (tmp_path / "bare.pub.pem").read_text() == expected

    @pytest.mark.parametrize("form", [
        lambda text: text.replace("\n", "\r\n"), lambda text: text.replace("\n", "\r"), lambda text: "\ufeff" + text,
        lambda text: text.rstrip("\n"), lambda text: text.replace("\n", " \t\n"),
        lambda text: "".join(f"    {line}\n" for line in text.splitlines()), lambda text: "a note of mine\n\n" + text + "\n\n"],
        ids=["CRLF", "CR", "byte order mark", "no line end", "blanks behind", "blanks before", "words around"])
    def test_a_key_is_read_as_any_system_and_editor_leaves_it(self, oneslot, keys, package, tmp_path, form):
        (tmp_path / "k.pem").write_bytes(form((keys / "ours.pem").read_text()).encode())
        oneslot.ok("keygen", "--from", tmp_path / "k.pem", "--public", tmp_path / "pub.pem")
        assert (tmp_path / "pub.pem").read_text() == (keys / "ours.pub.pem").read_text()
        (tmp_path / "p.pem").write_bytes(form((keys / "ours.pub.pem").read_text()).encode())
        oneslot.ok("verify", package, "--key", tmp_path / "p.pem")

    def test_the_hash_of_a_key_is_that_of_its_der(self, oneslot, keys, package):
        der = base64.b64decode("".join((keys / "ours.pub.pem").read_text().splitlines()[1:-1]))
        assert oneslot.ok("info", package, "--json").json["key_hash"] == hashlib.sha256(der).hexdigest()

    def test_a_passphrase_is_the_same_here_and_there(self, oneslot, openssl, keys, example, tmp_path):
        (tmp_path / "word").write_text("correct horse\nsecond line\n")
        (tmp_path / "wrong").write_text("wrong horse\n")
        key = tmp_path / "key.pem"
        oneslot.ok("keygen", "-o", key, "--passphrase-file", tmp_path / "word", "--public", tmp_path / "pub.pem")
        assert key.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        load = "import sys; from imgtool import keys; k = keys.load(sys.argv[1], b'correct horse'); k.emit_public_pem()"
        theirs = Program(sys.executable).ok("-c", load, key).out
        assert theirs.strip() == (tmp_path / "pub.pem").read_text().strip()
        openssl.ok("pkcs8", "-topk8", "-in", keys / "theirs.pem", "-out", tmp_path / "t.pem", "-passout",
                   "pass:correct horse")
        for path, public in ((key, tmp_path / "pub.pem"), (tmp_path / "t.pem", keys / "theirs.pub.pem")):
            pack = ("pack", example, "--version", "1", "--key", path, "-o", tmp_path / "p.osp", "--passphrase-file")
            oneslot.ok(*pack, tmp_path / "word")
            oneslot.ok("verify", tmp_path / "p.osp", "--key", public)
            assert "not its passphrase" in oneslot(*pack, tmp_path / "wrong").err

    @pytest.mark.parametrize("content, said", [
        (b"", "no"), (b"no key\n", "no"), (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no"),
        (b"-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n", "its PEM text is damaged"),
        (b"-----BEGIN PRIVATE KEY-----\nMEEC\n", "its PEM text is cut short"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "it holds a certificate alone, no key"),
        (b"-----BEGIN PRIVATE KEY-----\n" + (b"A" * 64 + b"\n") * 201 + b"-----END PRIVATE KEY-----\n", "no")])
    def test_what_is_no_key_is_refused(self, oneslot_sanitized, package, tmp_path, content, said):
        (tmp_path / "k.pem").write_bytes(content)
        result = oneslot_sanitized("verify", package, "--key", tmp_path / "k.pem")
        assert result.status == 1 and f"k.pem: {said}" in result.err, result

    def test_a_key_on_another_curve_or_off_the_curve_is_refused(self, oneslot, openssl, package, tmp_path, keys):
        openssl.ok("ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", tmp_path / "384.pem")
        assert "not a private key on P-256" in oneslot("verify", package, "--key", tmp_path / "384.pem").err
        der = bytearray(base64.b64decode("".join((keys / "ours.pub.pem").read_text().splitlines()[1:-1])))
        der[-1] ^= 1
        (tmp_path / "off.pem").write_text(
            f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n")
        assert "not a public key on P-256" in oneslot("verify", package, "--key", tmp_path / "off.pem").err

    def test_a_public_key_cannot_sign(self, oneslot, keys, example, tmp_path):
        result = oneslot("pack", example, "--version", "1", "--key", keys / "ours.pub.pem", "-o", tmp_path / "p")
        assert result.status == 1 and "public key" in result.err and not (tmp_path / "p").exists()


class TestBothWays:
    def test_we_accept_what_imgtool_signed(self, oneslot, imgtool, keys, image, tmp_path):
        path = imgtool_sign(imgtool, image, keys / "theirs.pem", tmp_path / "i.bin", version="1.24.0+7")
        found = oneslot.ok("verify", path, "--key", keys / "theirs.pub.pem", "--json").json
        assert found["version"] == "1.24.0+7" and found["payload_size"] == image.stat().st_size
        assert found["signer"] == str(keys / "theirs.pub.pem")
        info = oneslot.ok("info", path)
        assert "package, version 1.24.0+7" in info.out

    def test_imgtool_accepts_what_we_packed(self, oneslot, imgtool, keys, image, tmp_path):
        path = tmp_path / "fw.osp"
        oneslot.ok("pack", image, "--version", "1.24.0+7", "--key", keys / "ours.pem", "--board", "lamp-2",
                   "--min-version", "1.2", "--allow-downgrade", "-o", path)
        for key in ("ours.pub.pem", "ours.pem"):
            out = imgtool.ok("verify", "-k", keys / key, path).out
            assert "correctly validated" in out and "1.24.0+7" in out
        assert imgtool("verify", "-k", keys / "other.pub.pem", path).status != 0
        oneslot.ok("verify", path, "--key", keys / "ours.pub.pem")
        found = oneslot.ok("info", path, "--json").json
        assert found["unpacked_sha256"] == hashlib.sha256(image.read_bytes()).hexdigest()
        assert found["board"] == "lamp-2" and found["min_version"] == "1.2.0" and found["allow_downgrade"]
        assert Parts(path.read_bytes()).payload == image.read_bytes()

    def test_imgtool_accepts_what_we_compressed(self, oneslot, imgtool, keys, image, tmp_path):
        path = tmp_path / "fw.osp"
        oneslot.ok("pack", image, "--version", "1.24", "--compress", "--key", keys / "ours.pem", "-o", path)
        assert path.stat().st_size < len(lzma.compress(image.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
        assert "correctly validated" in imgtool.ok("verify", "-k", keys / "ours.pub.pem", path).out
        found = oneslot.ok("verify", path, "--key", keys / "ours.pub.pem", "--json").json
        assert found["codec"] == 1 and found["unpacked_sha256"] == hashlib.sha256(image.read_bytes()).hexdigest()
        assert "  holds     " in oneslot.ok("info", path).out

    def test_imgtool_and_we_write_the_same_bytes_but_for_the_signature(self, oneslot, imgtool, keys, example, tmp_path):
        ours = tmp_path / "fw.osp"
        oneslot.ok("pack", example, "--version", "2.3.4+5", "--key", keys / "theirs.pem", "--header-size", "0x200",
                   "-o", ours)
        parts = Parts(ours.read_bytes())
        custom = [word for kind, value in parts.protected for word in ("--custom-tlv", hex(kind), "0x" + value.hex())]
        theirs = tmp_path / "i.bin"
        imgtool.ok("sign", "--key", keys / "theirs.pem", "--header-size", "0x200", "--pad-header", "--version",
                   "2.3.4+5", "--slot-size", "0x200000", *custom, example, theirs)
        size = parts.hashed + 4 + 4 + 32 + 4 + 32
        assert ours.read_bytes()[:parts.hashed] == theirs.read_bytes()[:parts.hashed]
        assert ours.read_bytes()[parts.hashed + 4:size] == theirs.read_bytes()[parts.hashed + 4:size]

    @pytest.mark.parametrize("options", [["--security-counter", "auto"], ["--boot-record", "fw"], ["--pad-sig"],
                                         ["--rom-fixed", "0x1000"], ["--non-bootable"],
                                         ["--custom-tlv", "0x00a1", "0x0102"]])
    def test_options_of_imgtool_that_change_nothing_here(self, oneslot, imgtool, keys, example, tmp_path, options):
        path = imgtool_sign(imgtool, example, keys / "theirs.pem", tmp_path / "i.bin", *options)
        oneslot.ok("verify", path, "--key", keys / "theirs.pub.pem")

    @pytest.mark.parametrize("options, error", [
        (["--dependencies", "(1, 1.2.3+4)"], "PACKAGE_CRITICAL"),
        (["--vid", "example.com", "--cid", "lamp"], "PACKAGE_CRITICAL"),
        (["--custom-tlv", "0xc0a1", "0x0102"], "PACKAGE_CRITICAL"),
        (["--load-addr", "0x40100000"], "PACKAGE_FLAGS"),
        (["--pad"], "PACKAGE_LENGTH"),
        (["--public-key-format", "full"], "PACKAGE_PLACE"),
    ])
    def test_options_of_imgtool_that_ask_for_more_than_is_known_here(self, oneslot, imgtool, keys, example, tmp_path,
                                                                    options, error):
        path = imgtool_sign(imgtool, example, keys / "theirs.pem", tmp_path / "i.bin", *options)
        assert refusal(oneslot, path, "--key", keys / "theirs.pub.pem") == error

    @pytest.mark.parametrize("kind", ["ed25519", "rsa-2048", "ecdsa-p384"])
    def test_another_kind_of_signature_is_named_as_such(self, oneslot, imgtool, keys, example, tmp_path, kind):
        imgtool.ok("keygen", "-t", kind, "-k", tmp_path / "k.pem")
        path = imgtool_sign(imgtool, example, tmp_path / "k.pem", tmp_path / "i.bin")
        assert refusal(oneslot, path, "--key", keys / "ours.pub.pem") == "PACKAGE_SIGNATURE_KIND"


class TestPack:
    @pytest.mark.parametrize("options", [[], ["--compress"]])
    def test_the_same_input_makes_the_same_bytes(self, oneslot, keys, example, tmp_path, options):
        made = []
        for name in ("a", "b"):
            oneslot.ok("pack", example, "--version", "1.2.3", "--key", keys / "ours.pem", "--board", "b", *options,
                       "-o", tmp_path / name)
            made.append((tmp_path / name).read_bytes())
        assert made[0] == made[1]

    def test_each_option_becomes_its_entry(self, oneslot, keys, example, tmp_path):
        path = tmp_path / "fw.osp"
        oneslot.ok("pack", example, "--version", "255.255.65535+4294967295", "--key", keys / "ours.pem", "--board",
                   "lamp-2", "--min-version", "1.2.3+4", "--allow-downgrade", "--installer", "--header-size", "256",
                   "-o", path)
        parts = Parts(path.read_bytes())
        entries = dict(parts.protected)
        content = example.read_bytes()
        assert len(parts.header) == 256 and parts.header[32:] == b"\xff" * 224
        assert struct.unpack_from("<BBHI", parts.header, 20) == (255, 255, 65535, 4294967295)
        assert entries == {
            CHIP | CRITICAL: struct.pack("<H", 0x8266), KIND: b"\x02",
            UNPACKED: struct.pack("<I", len(content)) + hashlib.sha256(content).digest(),
            MINIMUM | CRITICAL: struct.pack("<BBHI", 1, 2, 3, 4), BOARD | CRITICAL: b"lamp-2", DOWNGRADE: b"",
            INSTALLER | CRITICAL: b""}
        out = oneslot.ok("info", path).out
        for words in ("255.255.65535+4294967295", "ESP8266", "lamp-2", "1.2.3+4 and up", "downgrade allowed",
                      "the installer"):
            assert words in out

    @pytest.mark.parametrize("name, expected", [
        ("mp8266-v1.24.0", [(0x100000, 0x5000 | FROM_END), (0x5000 | FROM_END, FROM_END),
                            (0x4000 | FROM_END | INIT_DATA | FILLED, 0x4000 | FROM_END)]),
        ("mp8266-v1.9.4", [(0x98000, 0x99000), (0x99000, 0x5000 | FROM_END), (0x5000 | FROM_END, FROM_END),
                           (0x4000 | FROM_END | INIT_DATA | FILLED, 0x4000 | FROM_END)]),
        ("wled8266-0.14.2", [(0x300000, 0x3fa000), (0x3fb000, 0x3fc000), (0x4000 | FROM_END, FROM_END)]),
        ("nodemcu-20150107", [(0x5c000, 0x4000 | FROM_END), (0x4000 | FROM_END, FROM_END)]),
        ("at8266-user1-3.0.5", [(0x1fb000, 0x200000), (0xfd000, 0x100000), (0xfc000, 0xfd000), (0xfb000, 0xfc000),
                                (0x1fc000 | INIT_DATA, 0x1fc000)]),
        ("mp32c3-v1.22.1", None),
    ])
    def test_a_package_tells_what_its_firmware_writes_by_itself(self, oneslot, firmware, tmp_path, name, expected):
        path = tmp_path / "fw.osp"
        pack = ("pack", firmware / f"{name}.bin", "--version", "1", "-o", path)
        oneslot.ok(*pack)
        found = dict(Parts(path.read_bytes()).protected).get(CLAIMS)
        assert (found and list(struct.iter_unpack("<II", found))) == expected
        assert oneslot.ok("info", path).out.count("by itself") == sum(not at & INIT_DATA for at, _ in expected or [])
        oneslot.ok(*pack, "--no-claims")
        assert CLAIMS not in dict(Parts(path.read_bytes()).protected)

    @pytest.mark.parametrize("value", [b"", b"\0" * 12, b"\0" * 72])
    def test_claims_of_a_wrong_length_are_named(self, oneslot, keys, package, tmp_path, value):
        parts = Parts(package.read_bytes())
        parts.protected = [entry for entry in parts.protected if entry[0] != CLAIMS] + [(CLAIMS, value)]
        (tmp_path / "bad.osp").write_bytes(parts.reseal())
        assert refusal(oneslot, tmp_path / "bad.osp", "--key", keys / "ours.pub.pem") == "PACKAGE_TLV"

    @pytest.mark.parametrize("version", ["", "1.", "v1", "01", "1.02", "256", "1.256", "1.0.65536", "1.0.0+4294967296",
                                         "1.0.0+", "1.0+7", "1.2.3.4", "1 ", "-1"])
    def test_what_is_no_version_is_a_wrong_command_line(self, oneslot, example, tmp_path, version):
        result = oneslot("pack", example, "--version", version, "-o", tmp_path / "p")
        assert result.status == 2 and "takes a version" in result.err, result

    def test_a_firmware_that_is_broken_is_not_packed(self, oneslot, example, tmp_path):
        content = bytearray(example.read_bytes())
        content[64] ^= 1
        (tmp_path / "bad.bin").write_bytes(content)
        result = oneslot("pack", tmp_path / "bad.bin", "--version", "1", "-o", tmp_path / "p")
        assert result.status == 1 and "MD5" in result.err and not (tmp_path / "p").exists()

    def test_permission_to_sink_must_be_signed(self, oneslot, example, tmp_path):
        result = oneslot("pack", example, "--version", "1", "--allow-downgrade", "-o", tmp_path / "p")
        assert result.status == 2 and "--key" in result.err


class TestVerify:
    def test_any_of_the_keys_may_have_signed(self, oneslot, keys, package):
        found = oneslot.ok("verify", package, "--key", keys / "other.pub.pem", "--key", keys / "ours.pub.pem", "--json")
        assert found.json["signer"] == str(keys / "ours.pub.pem")

    def test_another_key_is_named(self, oneslot, keys, package):
        assert refusal(oneslot, package, "--key", keys / "other.pub.pem") == "PACKAGE_KEY"

    def test_a_package_that_is_not_signed_is_named(self, oneslot, keys, example, tmp_path):
        oneslot.ok("pack", example, "--version", "1", "-o", tmp_path / "p")
        assert refusal(oneslot, tmp_path / "p", "--key", keys / "ours.pub.pem") == "PACKAGE_UNSIGNED"
        assert "nothing says who made it" in oneslot.ok("verify", tmp_path / "p").out

    def test_other_bytes_are_named(self, oneslot, keys, package, tmp_path):
        parts = Parts(package.read_bytes())
        parts.payload = parts.payload[:99] + b"\x5a" + parts.payload[100:]
        path = tmp_path / "p"
        path.write_bytes(parts.bytes())
        assert refusal(oneslot, path, "--key", keys / "ours.pub.pem") == "PACKAGE_HASH"
        assert oneslot("info", path, "--json").error == "PACKAGE_HASH"
        path.write_bytes(parts.reseal())
        assert refusal(oneslot, path, "--key", keys / "ours.pub.pem") == "PACKAGE_SIGNATURE"
        assert refusal(oneslot, path) == "IMAGE_SHA256"

    def test_an_entry_that_was_changed_or_taken_away_is_named(self, oneslot, keys, package, tmp_path):
        path = tmp_path / "p"
        for change in (lambda entries: entries[1:], lambda entries: entries[::-1],
                       lambda entries: entries + [(DOWNGRADE, b"")]):
            parts = Parts(package.read_bytes())
            parts.protected = change(parts.protected)
            path.write_bytes(parts.reseal())
            assert refusal(oneslot, path, "--key", keys / "ours.pub.pem") == "PACKAGE_SIGNATURE"

    def test_a_broken_stream_is_named(self, oneslot_sanitized, keys, example, tmp_path):
        path = tmp_path / "p"
        oneslot_sanitized.ok("pack", example, "--version", "1", "--compress", "-o", path)
        for at, error in ((0.5, {"PACKAGE_STREAM", "PACKAGE_SHORT", "PACKAGE_SIZE", "IMAGE_SHA256"}), (0, {"PACKAGE_STREAM"})):
            parts = Parts(path.read_bytes())
            place = int(at * len(parts.payload))
            parts.payload = parts.payload[:place] + bytes([parts.payload[place] ^ 0x10]) + parts.payload[place + 1:]
            (tmp_path / "q").write_bytes(parts.reseal())
            assert refusal(oneslot_sanitized, tmp_path / "q") in error
        parts = Parts(path.read_bytes())
        parts.payload = parts.payload[:-40]
        (tmp_path / "q").write_bytes(parts.reseal())
        assert refusal(oneslot_sanitized, tmp_path / "q") == "PACKAGE_SHORT"
        for claimed, error in ((4096, "PACKAGE_SIZE"), (0xffffffff, "IMAGE_TOO_LARGE"), (0x1000000, "PACKAGE_SHORT")):
            parts = Parts(path.read_bytes())
            parts.protected = [(kind, struct.pack("<I", claimed) + value[4:] if kind == UNPACKED else value)
                               for kind, value in parts.protected]
            (tmp_path / "q").write_bytes(parts.reseal())
            assert refusal(oneslot_sanitized, tmp_path / "q") == error

    def test_an_unknown_demand_is_shown_by_its_number(self, oneslot, keys, package, tmp_path):
        parts = Parts(package.read_bytes())
        parts.protected.append((0x40, bytes(12)))
        (tmp_path / "p").write_bytes(parts.reseal())
        result = oneslot("verify", tmp_path / "p", "--key", keys / "ours.pub.pem")
        assert result.status == 1 and "entry 0x0040: MCUboot's dependency" in result.err

    def test_a_package_cut_anywhere_is_refused_by_name(self, oneslot_sanitized, package, tmp_path):
        content = package.read_bytes()
        for size in (0, 4, 31, 32, 33, len(content) // 2, len(content) - 200, len(content) - 1):
            (tmp_path / "p").write_bytes(content[:size])
            assert refusal(oneslot_sanitized, tmp_path / "p") == "PACKAGE_TRUNCATED"
        (tmp_path / "p").write_bytes(content + b"\0")
        assert refusal(oneslot_sanitized, tmp_path / "p") == "PACKAGE_LENGTH"
