"""Primitives of docs/wire.md §1: a reader that refuses, a writer, hashes, signatures, script coding.

Knows bytes, not meanings. Refuses whatever the page does not allow, always with `Refused`.
Invariant: one value has one encoding, so a decoder may encode again and compare.
Start at `Reader`.
"""

import hashlib
import hmac
import unicodedata

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KIB, MIB = 1 << 10, 1 << 20
CAPS = {
    "segment": MIB, "payload": 4 * MIB, "ops": 4096, "changes": 4096, "depth": 8, "origins": 1024, "schemas": 1024,
    "entry": 64 * KIB, "message": 4 * MIB, "streams": 64, "text": 64 * KIB, "schema": MIB, "parts": 1 << 18, "routes": 64,
}
ZERO_HASH, ZERO_ID = bytes(32), bytes(16)


class Refused(Exception):
    """The bytes are not what the page allows."""


class UpdateNeeded(Refused):
    """The bytes may be right, but by a later version of the page: kept, not judged."""


class NotYet(Refused):
    """To be judged again when the log has grown."""


def need(condition, why):
    """Refuses unless the condition holds."""
    if not condition:
        raise Refused(why)


def known(condition, what):
    """Stops at a code or a bit of a later version unless the condition holds."""
    if not condition:
        raise UpdateNeeded(f"unknown {what}")


def cap(value, name):
    """The value, if it is within the cap of §9."""
    need(value <= CAPS[name], f"{name}: {value} is over the cap")
    return value


class Reader:
    """Takes primitives off the front of bytes; never past the end."""

    def __init__(self, data):
        self.data, self.at = bytes(data), 0

    def left(self):
        return len(self.data) - self.at

    def take(self, n):
        need(n <= self.left(), "length past the end")
        self.at += n
        return self.data[self.at - n:self.at]

    def u8(self):
        return self.take(1)[0]

    def version(self):
        known(self.u8() == 1, "version")

    def varint(self):
        value = 0
        for i in range(10):
            b = self.u8()
            value |= (b & 0x7F) << (7 * i)
            if b < 0x80:
                need(b or not i, "varint not in its shortest form")
                need(value < 1 << 64, "varint over 64 bits")
                return value
        raise Refused("varint over 10 bytes")

    def zigzag(self):
        v = self.varint()
        return (v >> 1) ^ -(v & 1)

    def bytes(self):
        return self.take(self.varint())

    def text(self):
        raw = self.bytes()
        cap(len(raw), "text")
        try:
            value = raw.decode()
        except UnicodeDecodeError:
            raise Refused("text is not UTF-8") from None
        need(unicodedata.is_normalized("NFC", value), "text is not NFC")
        return value

    def id(self):
        return self.take(16)

    def hash(self):
        return self.take(32)

    def many(self, item, least, cap_name=None):
        """A counted list; `least` is the fewest bytes one item can take."""
        return self.exactly(self.varint(), item, least, cap_name)

    def exactly(self, n, item, least, cap_name=None):
        """A list whose count is known."""
        need(n * least <= self.left(), "count cannot fit in what is left")
        if cap_name:
            cap(n, cap_name)
        return [item() for _ in range(n)]

    def end(self):
        need(self.left() == 0, "trailing bytes")


def decode_all(data, function):
    """What `function` reads from all of the bytes."""
    r = Reader(data)
    value = function(r)
    r.end()
    return value


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def zigzag(n):
    need(-(1 << 63) <= n < 1 << 63, "signed value over 64 bits")
    return varint(n << 1 if n >= 0 else (-n << 1) - 1)


def with_length(b):
    return varint(len(b)) + b


def listed(items):
    """Count, then the encoded items."""
    return varint(len(items)) + b"".join(items)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def hmac256(key, data):
    return hmac.digest(key, data, "sha256")


def verify(public, context, data, sig):
    """Ed25519 over `context ‖ 0x00 ‖ data`, or refused."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(sig, context.encode() + b"\0" + data)
    except (InvalidSignature, ValueError):
        raise Refused(f"bad signature: {context}") from None


def script_decode(raw):
    """Text from script coding (§5), shortest form only."""
    cap(len(raw), "text")
    r, out = Reader(raw), []
    while r.left():
        b = r.u8()
        if b >= 0x80:
            out.append(chr(b - 0x80 + 0x900))
        elif b == 0x0A or 0x20 <= b <= 0x7E:
            out.append(chr(b))
        else:
            need(b == 1, "byte without a meaning in script coding")
            point = r.varint()
            need(point <= 0x10FFFF and not 0xD800 <= point < 0xE000, "not a character")
            need(len(script_encode(chr(point))) > 1, "escaped though it has a byte of its own")
            out.append(chr(point))
    return "".join(out)


def script_encode(text):
    out = bytearray()
    for c in map(ord, text):
        if c == 0x0A or 0x20 <= c <= 0x7E:
            out.append(c)
        elif 0x900 <= c <= 0x97F:
            out.append(c - 0x900 + 0x80)
        else:
            out += b"\x01" + varint(c)
    return bytes(out)
