"""Checks of the decoder's own parts against values that stand on the page or in an RFC; needs no vectors.

Knows values published elsewhere or worked out by hand, never values made by the decoder.
Start at `run`, called by `check.py`.
"""

import json
import pathlib

import hpke
import payload
import primitives as p
import segment


def refused(action, *args):
    try:
        action(*args)
    except p.Refused:
        return True
    raise AssertionError(f"not refused: {args}")


def numbers():
    for n, coded in [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), ((1 << 64) - 1, "ff" * 9 + "01")]:
        assert p.varint(n).hex() == coded
        assert p.decode_all(bytes.fromhex(coded), p.Reader.varint) == n
    for bad in ("", "80", "8000", "ff00", "ff" * 9 + "02", "80" * 10 + "01", "0000"):
        refused(p.decode_all, bytes.fromhex(bad), p.Reader.varint)
    for n, coded in [(0, 0), (-1, 1), (1, 2), (-2, 3), ((1 << 63) - 1, (1 << 64) - 2), (-(1 << 63), (1 << 64) - 1)]:
        assert p.zigzag(n) == p.varint(coded)
        assert p.decode_all(p.zigzag(n), p.Reader.zigzag) == n


def texts():
    assert p.decode_all(bytes.fromhex("06e0a495e0a4bf"), p.Reader.text) == "कि"
    refused(p.decode_all, bytes.fromhex("02c328"), p.Reader.text)
    refused(p.decode_all, p.with_length("\u0958".encode()), p.Reader.text)  # not NFC
    for text, coded in [("कि", "95bf"), ("A\n~", "410a7e"), ("é", "01e901"), ("\0\t", "01000109"), ("\u200d", "018d40"), ("।", "e4")]:
        assert p.script_encode(text).hex() == coded
        assert p.script_decode(bytes.fromhex(coded)) == text
    for bad in ("00", "09", "7f", "0141", "010a", "019512", "0180b003", "01", "01808044"):
        refused(p.script_decode, bytes.fromhex(bad))


def padding():
    for n, padded in [(0, 0), (1, 1), (2, 2), (8, 8), (9, 10), (128, 128), (129, 144), (1000, 1024), (1025, 1088)]:
        assert payload.padme(n) == padded
    assert payload.unpad(b"\x80") == b"" and payload.unpad(b"12345678\x80\0") == b"12345678"
    for bad in (b"", b"\0", b"1", b"12345678\x80", b"1\x80\0\0"):
        refused(payload.unpad, bad)


def trees():
    leaves = [bytes([i]) * 32 for i in range(7)]
    n = segment.node
    three = n(n(leaves[0], leaves[1]), leaves[2])
    assert segment.top(leaves[:1]) == leaves[0] and segment.top(leaves[:3]) == three
    assert segment.top(leaves[:4]) == n(n(leaves[0], leaves[1]), n(leaves[2], leaves[3]))
    assert segment.top(leaves) == n(segment.top(leaves[:4]), n(n(leaves[4], leaves[5]), leaves[6]))
    assert segment.root(leaves) == segment.top(leaves)[:16]
    for count in range(1, 8):
        for i in range(count):
            path = segment.path(leaves[:count], i)
            assert segment.root_from_path(leaves[i], i, count, path) == segment.root(leaves[:count])


def rfc9180():
    v = json.loads(pathlib.Path(__file__).with_name("rfc9180-a2-1.json").read_text())
    x = {k: bytes.fromhex(s) for k, s in v.items() if isinstance(s, str) and k != "source"}
    assert hpke.public_of(x["skRm"]) == x["pkRm"]
    assert hpke.decap(x["skRm"], x["enc"]) == x["shared_secret"]
    context = hpke.Context(x["skRm"], x["enc"], x["info"])
    assert (context.key, context.nonce, context.exporter) == (x["key"], x["base_nonce"], x["exporter_secret"])
    first = v["encryptions"][0]
    sealed = x["enc"] + bytes.fromhex(first["ct"])
    opened, again = hpke.open_box(x["skRm"], x["info"], bytes.fromhex(first["aad"]), sealed)
    assert opened.hex() == first["pt"]
    for e in v["exports"]:
        assert again.export(bytes.fromhex(e["exporter_context"]), e["length"]).hex() == e["value"]
    for bit in range(0, len(sealed) * 8, 7):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        refused(hpke.open_box, x["skRm"], x["info"], bytes.fromhex(first["aad"]), bytes(changed))


def run():
    tests = (numbers, texts, padding, trees, rfc9180)
    for test in tests:
        test()
    return len(tests)
