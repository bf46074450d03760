"""Segments of docs/wire.md §4: parse, wire form, signature, open, Merkle root and the proof of one op.

Knows one segment. Who may be believed is for `logs.StreamLog.judge`.
Invariant: only canonical bytes are hashed and verified; a wire form is made canonical first.
Start at `parse`, then `Segment.open`.
"""

from dataclasses import dataclass

import hpke
from payload import decode_payload, standalone, unpack, unpad
from primitives import Reader, ZERO_HASH, cap, decode_all, hmac256, known, need, sha256, varint, verify, with_length

CONTEXT = "samanvay segment v1"
ROOT = 16  # bytes of the Merkle root that are signed


@dataclass
class Opened:
    """What a reader gets: ops, and per op the salt and the standalone payload under the root."""

    ops: list
    salts: list
    standalones: list

    def leaves(self):
        return [leaf(s, p) for s, p in zip(self.salts, self.standalones)]


@dataclass
class Segment:
    suite: int
    stream: bytes
    author: bytes
    generation: bytes
    first: int
    count: int
    epoch: int
    position: int
    codec: int
    dictionary: int
    prev: bytes
    root: bytes
    body: bytes
    sig: bytes

    def header(self):
        numbers = b"".join(map(varint, (self.first, self.count, self.epoch, self.position)))
        return (bytes([self.suite]) + self.stream + self.author + self.generation + numbers
                + bytes([self.codec]) + varint(self.dictionary) + self.prev)

    def signed(self):
        return self.header() + self.root + with_length(self.body)

    def canonical(self):
        return self.signed() + self.sig

    def hash(self):
        return sha256(self.canonical())

    def check(self):
        """What can be refused without a log."""
        known(self.suite < 2 and self.codec < 2 and self.dictionary == 0, "suite, codec or dictionary")
        need(1 <= self.count, "no ops")
        cap(self.count, "ops")
        need(self.first + self.count < 1 << 64, "sequence number over 64 bits")
        need((self.epoch == 0) == (self.suite == 0), "epoch and suite do not fit")
        need(self.first or self.prev == ZERO_HASH, "a chain starts with zeros")
        cap(len(self.canonical()), "segment")
        return self

    def verify(self, public):
        verify(public, CONTEXT, self.signed(), self.sig)

    def open(self, secret=None):
        """`secret`: the epoch's private half (suite 1). Recomputes the root."""
        if self.suite:
            info = CONTEXT.encode() + b"\0" + bytes([self.suite]) + self.stream + varint(self.epoch)
            padded, context = hpke.open_box(secret, info, self.header(), self.body)
            packed, key = unpad(padded), context.export(b"samanvay salts v1", 32)
            salts = [hmac256(key, varint(i))[:16] for i in range(self.count)]
        else:
            packed, salts = self.body, [b""] * self.count
        ops = decode_payload(unpack(packed, self.codec), self.author, self.generation, self.count)
        opened = Opened(ops, salts, [standalone(op, self.author, self.generation) for op in ops])
        need(root(opened.leaves()) == self.root, "Merkle root differs")
        return opened


def parse(data):
    """A segment from its canonical bytes."""
    cap(len(data), "segment")

    def whole(r):
        return Segment(r.u8(), r.id(), r.id(), r.take(8), *(r.varint() for _ in range(4)), r.u8(), r.varint(), r.hash(),
                       r.take(ROOT), r.bytes(), r.take(64))

    return decode_all(data, whole).check()


def parse_wire(data, stream, author=None, generation=None, prev=None):
    """A segment from its wire form and what the surrounding message says; `prev`: (generation, first) → hash."""
    cap(len(data), "segment")
    r = Reader(data)
    flags = r.u8()
    known(flags < 64, "flag of a wire form")
    author = r.id() if flags & 1 else author
    generation = r.take(8) if flags & 2 else generation
    need(author and generation, "the context does not say what the wire form leaves out")
    suite, codec = int(not flags & 8), int(bool(flags & 16))
    first, *numbers = (r.varint() for _ in range(4))
    dictionary = r.varint() if flags & 32 else 0
    need(dictionary or not flags & 32, "no dictionary, and yet it follows")
    hash_before = r.hash() if flags & 4 else prev and prev(generation, first)
    need(hash_before, "the context does not say what the wire form leaves out")
    segment = Segment(suite, stream, author, generation, first, *numbers, codec, dictionary, hash_before, r.take(ROOT), r.bytes(), r.take(64))
    r.end()
    return segment.check()


def leaf(salt, payload):
    return sha256(b"\0", salt, payload)


def node(left, right):
    return sha256(b"\1", left, right)


def split(n):
    """The largest power of two below n (RFC 9162 §2.1)."""
    return 1 << ((n - 1).bit_length() - 1)


def top(leaves):
    """The whole hash over the leaves."""
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node(top(leaves[:k]), top(leaves[k:]))


def root(leaves):
    return top(leaves)[:ROOT]


def path(leaves, index):
    """Siblings from the leaf up: what a court needs beside one op and its salt."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return path(leaves[:k], index) + [top(leaves[k:])]
    return path(leaves[k:], index - k) + [top(leaves[:k])]


def root_from_path(leaf_hash, index, count, siblings):
    return top_from_path(leaf_hash, index, count, siblings)[:ROOT]


def top_from_path(leaf_hash, index, count, siblings):
    need(0 <= index < count, "no such op")
    if count == 1:
        need(not siblings, "path too long")
        return leaf_hash
    need(siblings, "path too short")
    k, rest, last = split(count), siblings[:-1], siblings[-1]
    if index < k:
        return node(top_from_path(leaf_hash, index, k, rest), last)
    return node(last, top_from_path(leaf_hash, index - k, count - k, rest))
