"""Schema and payload of docs/wire.md §5 and §6: ops as plain values, and the standalone payload of one op.

Knows the coding, not the crypto around it. Values come out by form; `typed` names them by the kind in a schema.
Invariant: `standalone` of a decoded op is the bytes that the author put under the Merkle root.
Start at `decode_payload`.
"""

import datetime
from dataclasses import dataclass, field, replace

import zstandard

from primitives import (Reader, Refused, cap, decode_all, hmac256, known, listed, need, script_decode, script_encode, sha256, varint,
                        with_length, zigzag)

KINDS = ["text", "int", "decimal", "choice", "choices", "date", "time", "instant", "bool", "repeat"]
MASKS = (1, 2, 4, 8, 16, 24)


@dataclass
class Field:
    id: int
    name: str
    kind: str
    mask: int
    flags: int
    parent: int
    choices: list


@dataclass
class Schema:
    form: str
    version: str
    fields: dict
    id: bytes


def decode_schema(data):
    """§6. Fields ascend by id; a parent is a repeat of the same schema; a name stands once below a parent."""
    cap(len(data), "schema")

    def one(r):
        number, name, kind = r.varint(), r.text(), r.u8()
        known(1 <= kind <= len(KINDS), "kind of a field")
        return Field(number, name, KINDS[kind - 1], r.u8(), r.u8(), r.varint(), r.many(r.text, 1))

    def whole(r):
        r.version()
        return Schema(r.text(), r.text(), r.many(lambda: one(r), 7), sha256(data)[:8])

    schema = decode_all(data, whole)
    ids = [f.id for f in schema.fields]
    need(ids == sorted(set(ids)) and 0 not in ids, "field ids do not ascend")
    need(not ids or ids[-1] < 1 << 32, "field id over 32 bits")
    need(len({(f.parent, f.name) for f in schema.fields}) == len(ids), "a name twice below one parent")
    schema.fields = {f.id: f for f in schema.fields}
    for f in schema.fields.values():
        check_field(f, schema.fields)
    return schema


def check_field(f, fields):
    known(f.mask < 32 and f.flags < 4, "class or flag of a field")
    need(f.mask in MASKS, "mix of classes")
    need(f.kind in ("choice", "choices") or not f.choices, "choices on a field without a list")
    need(len(set(f.choices)) == len(f.choices), "choice twice in a list")
    depth, at = int(f.kind == "repeat"), f  # a repeat is itself one level of rows
    while at.parent:
        at, depth = fields.get(at.parent), depth + 1
        need(at and at.kind == "repeat", "parent is not a repeat")
        cap(depth, "depth")  # ends a ring, too


@dataclass(frozen=True)
class Ref:
    """An op id: 16 + 8 bytes, a number, 4 bytes."""

    device: bytes
    generation: bytes
    counter: int
    tag: bytes


@dataclass
class Change:
    field: int
    form: int
    replaced: list | None
    value: object


@dataclass
class Op:
    id: Ref
    creates: bool
    anchored: bool
    record: bytes
    schema: bytes
    time: int
    routes: list | None
    groups: list = field(default_factory=list)


class _Origins:
    """Numbers of (device, generation) in the order of their first use; 0 is the header's."""

    def __init__(self, author):
        self.list = [author]

    def number(self, ref):
        key = (ref.device, ref.generation)
        if key not in self.list:
            self.list.append(key)
        return self.list.index(key)

    def ref(self, ref):
        return varint(self.number(ref)) + varint(ref.counter) + ref.tag


class _Decoder:
    """State that runs through the ops of one payload."""

    def __init__(self, r, author):
        self.origins = [author] + r.many(lambda: (r.id(), r.take(8)), 24, "origins")
        self.schemas = r.many(lambda: r.take(8), 8, "schemas")
        need(self.schemas, "no schema")
        for table in (self.origins, self.schemas):
            need(len(set(table)) == len(table), "an origin or schema listed twice")
        self.ops, self.parts = [], 0

    def part(self, n=1):
        """Counts what §9 caps for a whole segment: changes and their row ids, set members, op references."""
        self.parts = cap(self.parts + n, "parts")

    def origin(self, r):
        n = r.varint()
        need(n < len(self.origins), "unknown origin")
        return self.origins[n]

    def ref(self, r):
        self.part()
        ref = Ref(*self.origin(r), r.varint(), r.take(4))
        need(ref.counter < 1 << 63, "counter out of range")
        return ref

    def op(self, r):
        flags = r.u8()
        known(flags < 32, "flag of an op")
        last = self.ops[-1] if self.ops else None
        origin = self.origin(r) if flags & 4 else self.origins[0]
        need(not flags & 4 or origin != self.origins[0], "origin 0 is never named by bit 2")
        need(origin[0] == self.origins[0][0], "op of another device")
        counter = r.zigzag() + (last.id.counter if last else 0)
        need(0 <= counter < 1 << 63, "counter out of range")
        ref = Ref(*origin, counter, r.take(4))
        if flags & 2:
            record = r.id()
        else:
            back = r.varint()
            need(1 <= back <= len(self.ops), "back reference to no op")
            record = self.ops[-back].record
        schema = r.varint()
        need(schema < len(self.schemas), "unknown schema number")
        time = r.zigzag() + (last.time if last else 0)
        need(-(1 << 63) <= time < 1 << 63, "time out of range")
        routes = r.many(lambda: (r.id(), r.u8()), 17, "routes") if flags & 16 else None
        need(routes != [], "no routes follow")
        known(all(role < 3 for _, role in routes or []), "role of a route")
        op = Op(ref, bool(flags & 1), bool(flags & 8), record, self.schemas[schema], time, routes)
        op.groups = r.many(lambda: self.group(r, op.creates), 2)
        paths = [(len(path), path) for path, _ in op.groups]
        need(all(a < b for a, b in zip(paths, paths[1:])) and all(changes for _, changes in op.groups), "groups not sorted, or empty")
        cap(sum(len(changes) for _, changes in op.groups), "changes")
        self.ops.append(op)

    def group(self, r, creates):
        path = r.many(lambda: r.take(8), 8, "depth")
        state = {"field": 0}

        def change():
            key = r.varint()
            need(key >> 3, "fields are not sorted")
            state["field"] += key >> 3
            need(state["field"] < 1 << 32, "field id over 32 bits")
            self.part(1 + len(path))
            return self.change(r, state["field"], key & 7, creates)

        return path, r.many(change, 1, "changes")

    def change(self, r, number, form, creates):
        known(form <= 5, "form of a change")
        replaced = None if creates or form == 4 else r.many(lambda: self.ref(r), 6)
        if form == 0:
            value = None
        elif form == 1:
            value = r.zigzag()
        elif form == 2:
            value = script_decode(r.bytes())
        elif form == 3:
            value = r.bytes()
        elif form == 4:
            adds, removes = r.many(r.varint, 1), r.many(lambda: (r.varint(), r.many(lambda: self.ref(r), 6)), 2)
            self.part(len(adds) + len(removes))
            value = (adds, removes)
        else:
            value = (r.zigzag(), r.zigzag())
        return Change(number, form, replaced, value)


def decode_payload(data, author, generation, count):
    """The ops of an unpacked payload; `author` and `generation` are those of the header."""
    cap(len(data), "payload")
    cap(count, "ops")
    r = Reader(data)
    decoder = _Decoder(r, (author, generation))
    for _ in range(count):
        decode_all(r.bytes(), decoder.op)
    r.end()
    return decoder.ops


def _value(change, origins):
    if change.form == 0:
        return b""
    if change.form == 1:
        return zigzag(change.value)
    if change.form == 2:
        return with_length(script_encode(change.value))
    if change.form == 3:
        return with_length(change.value)
    if change.form == 4:
        adds, removes = change.value
        return listed([varint(c) for c in adds]) + listed(
            [varint(c) + listed([origins.ref(s) for s in seen]) for c, seen in removes])
    return zigzag(change.value[0]) + zigzag(change.value[1])


def standalone(op, author, generation):
    """§4: the payload that holds this op alone; only its own origins, its one schema, nothing relative to another op."""
    origins = _Origins((author, generation))
    own = origins.number(op.id)
    flags = op.creates | 2 | (4 if own else 0) | (8 if op.anchored else 0) | (16 if op.routes is not None else 0)
    out = bytes([flags]) + (varint(own) if own else b"") + zigzag(op.id.counter) + op.id.tag + op.record + varint(0) + zigzag(op.time)
    if op.routes is not None:
        out += listed([stream + bytes([role]) for stream, role in op.routes])
    groups = []
    for path, changes in op.groups:
        last, encoded = 0, []
        for c in changes:
            replaced = listed([origins.ref(x) for x in c.replaced]) if c.replaced is not None else b""
            encoded.append(varint((c.field - last) * 8 + c.form) + replaced + _value(c, origins))
            last = c.field
        groups.append(listed(path) + listed(encoded))
    out += listed(groups)
    return listed([d + g for d, g in origins.list[1:]]) + listed([op.schema]) + with_length(out)


def tag(op, key):
    """§5: what the author puts into the op's id; nobody else has the key."""
    untagged = replace(op, id=replace(op.id, tag=bytes(4)))
    return hmac256(key, standalone(untagged, op.id.device, op.id.generation))[:4]


def unpack(packed, codec):
    """Undoes the compression of §4: one zstd frame without its magic number, no dictionary."""
    known(codec < 2, "codec")
    if codec == 0:
        return packed
    stream, out = zstandard.ZstdDecompressor(max_window_size=8 << 20).decompressobj(), b"\x28\xB5\x2F\xFD"
    frame, out = out + packed, b""
    try:
        for at in range(0, len(frame), 64):  # small steps bound what a hostile frame can make us allocate
            need(not stream.eof, "bytes after the frame")
            out += stream.decompress(frame[at:at + 64])
            cap(len(out), "payload")
    except zstandard.ZstdError:
        raise Refused("not a zstd frame") from None
    need(stream.eof and not stream.unused_data, "not a single frame")
    return out


def padme(n):
    if n < 2:
        return n
    e = n.bit_length() - 1
    mask = (1 << (e - e.bit_length())) - 1
    return (n + mask) & ~mask


def unpad(data):
    """Takes off 0x80 and the zero bytes; the length must be the Padmé length."""
    end = data.rstrip(b"\0")
    need(end[-1:] == b"\x80" and padme(len(end)) == len(data), "bad padding")
    return end[:-1]


def typed(change, fields):
    """The value as a reader of the form would name it; a field that the schema does not know stays by form."""
    f = fields.get(change.field)
    if f is None or change.form in (0, 3):
        return change.value
    if f.kind == "choice" and change.form == 1:
        return f.choices[change.value] if 0 <= change.value < len(f.choices) else change.value
    if f.kind == "date" and change.form == 1 and abs(change.value) < 100_000:
        return (datetime.date(1970, 1, 1) + datetime.timedelta(days=change.value)).isoformat()
    if f.kind == "bool":
        return bool(change.value)
    return change.value
