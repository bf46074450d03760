"""Runs every vector in `vectors/` through the decoder: `python3 tests/wire/check.py`.

Knows the JSON around the vectors (`vectors/README.md`), nothing of the program that made them. A file without a check fails.
Invariant: what must be read is read and compared; what is changed by one bit, or cut short, must be refused.
Start at `CHECKS`.
"""

import collections
import dataclasses
import itertools
import json
import pathlib
import random
import sys
import traceback

import hpke
import logs
import merge
import messages
import payload
import primitives as p
import segment
import selftest

VECTORS = pathlib.Path(__file__).with_name("vectors")
SEED = 9180
FLIPS = 200  # sampled bits for each mutated message


def unhex(s):
    return bytes.fromhex(s)


def load(name):
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def same(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}: got {got!r}, wanted {wanted!r}")


def refused(action, what):
    try:
        action()
    except p.Refused:
        return
    raise AssertionError(f"{what} was not refused")


def flips(data, rng, count=FLIPS):
    """The data with one bit changed, at sampled places."""
    for bit in sorted(rng.sample(range(len(data) * 8), min(count, len(data) * 8))):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield bit, bytes(changed)


def refuses_changes(read, data, count=FLIPS):
    """`read` takes the data, and refuses it with any sampled bit changed and at any sampled shorter length."""
    read(data)
    rng = random.Random(SEED)
    for bit, changed in flips(data, rng, count):
        refused(lambda: read(changed), f"bit {bit} changed")
    for end in rng.sample(range(len(data)), min(50, len(data))):
        refused(lambda: read(data[:end]), f"cut at {end}")
    refused(lambda: read(data + b"\0"), "a byte more")


def ref_json(ref):
    return {"device": ref.device.hex(), "generation": ref.generation.hex(), "counter": ref.counter, "tag": ref.tag.hex()}


def write_json(change):
    v = change.value
    if change.form == 4:
        adds, removes = v
        return {"adds": adds, "removes": [{"code": c, "seen": [ref_json(s) for s in seen]} for c, seen in removes]}
    return {
        0: lambda: {"clear": True}, 1: lambda: {"int": v}, 2: lambda: {"text": v}, 3: lambda: {"raw": v.hex()},
        5: lambda: {"instant": {"seconds": v[0], "offset_minutes": v[1]}},
    }[change.form]()


def op_json(op):
    changes = [{
        "rows": [row.hex() for row in path], "field": c.field, "replaces": [ref_json(x) for x in c.replaced or []], "write": write_json(c)
    } for path, group in op.groups for c in group]
    routes = [{"stream": stream.hex(), "role": role} for stream, role in op.routes or []]
    return {
        "id": ref_json(op.id), "record": op.record.hex(), "schema": op.schema.hex(), "creates": op.creates, "anchored": op.anchored,
        "seconds": op.time, "routes": routes, "changes": changes
    }


def check_text(v):
    for case in v["cases"]:
        same(p.script_decode(unhex(case["coded"])), case["text"], "text")
        same(p.script_encode(case["text"]).hex(), case["coded"], "coded")


def check_schema(v):
    raw = unhex(v["bytes"])
    schema = payload.decode_schema(raw)
    same((schema.form, schema.version, schema.id.hex()), (v["form_id"], v["form_version"], v["id"]), "schema")
    got = [{
        "id": f.id, "name": f.name, "kind": f.kind, "class_mask": f.mask, "coarse": bool(f.flags & 1), "calculated": bool(f.flags & 2),
        "parent": f.parent, "choices": f.choices
    } for f in schema.fields.values()]
    same(got, v["fields"], "fields")
    for end in range(len(raw)):
        refused(lambda: payload.decode_schema(raw[:end]), f"schema cut at {end}")


def check_bounds(v):
    """Bytes by hand at the edge of a rule: sound, malformed, or of a later version."""
    author, generation = unhex(v["author"]), unhex(v["generation"])
    readers = {
        "payloads": lambda data: payload.decode_payload(data, author, generation, 1), "schemas": payload.decode_schema,
        "padded": payload.unpad
    }
    for name, read in readers.items():
        for case in v[name]:
            try:
                read(unhex(case["bytes"]))
            except p.UpdateNeeded:
                got = "update"
            except p.Refused:
                got = "malformed"
            else:
                got = "sound"
            same(got, case["verdict"], f"{name}: {case['what']}")


def check_payload(v):
    author, generation, raw = unhex(v["author"]), unhex(v["generation"]), unhex(v["payload"])
    ops = payload.decode_payload(raw, author, generation, len(v["ops"]))
    same([op_json(op) for op in ops], v["ops"], "ops")
    for op, wanted in zip(ops, v["standalone"]):
        alone = payload.standalone(op, author, generation)
        same(alone.hex(), wanted, "standalone payload")
        same(payload.decode_payload(alone, author, generation, 1), [op], "op out of its standalone payload")
        same(payload.tag(op, unhex(v["tag_key"])).hex(), op.id.tag.hex(), "tag")
    packed = payload.unpad(unhex(v["padded"]))
    same(packed.hex(), v["packed"], "packed")
    same(payload.unpack(packed, v["codec"]), raw, "unpacked")
    for end in range(len(raw)):
        refused(lambda: payload.decode_payload(raw[:end], author, generation, len(ops)), f"payload cut at {end}")
    refused(lambda: payload.decode_payload(raw + b"\0", author, generation, len(ops)), "a byte more")
    refused(lambda: payload.decode_payload(raw, author, generation, len(ops) - 1), "an op more than the header counts")


def check_segment(v):
    signer, key, raw = unhex(v["signer"]), v["epoch_private"] and unhex(v["epoch_private"]), unhex(v["segment"])

    def read(data):
        s = segment.parse(data)
        s.verify(signer)
        return s, s.open(key)

    s, opened = read(raw)
    same(s.hash().hex(), v["hash"], "hash")
    same(s.header().hex(), v["header_bytes"], "header bytes")
    same({k: x.hex() if isinstance(x, bytes) else x for k, x in vars(s).items() if k in v["header"]}, v["header"], "header")
    same((s.root.hex(), [x.hex() for x in opened.salts], [x.hex() for x in opened.leaves()]), (v["root"], v["salts"], v["leaves"]), "tree")
    same([op_json(op) for op in opened.ops], v["ops"], "ops")
    least = unhex(v["wire_least"])
    same(segment.parse_wire(unhex(v["wire_all"]), s.stream), s, "wire form with all")
    same(segment.parse_wire(least, s.stream, s.author, s.generation, lambda *_: s.prev), s, "wire form with least")
    refused(lambda: segment.parse_wire(least, s.stream), "wire form without its context")
    leaves = opened.leaves()
    for i, (salt, alone) in enumerate(zip(opened.salts, opened.standalones)):
        proof = segment.path(leaves, i)
        same(segment.root_from_path(segment.leaf(salt, alone), i, s.count, proof), s.root, "proof of one op")
    refuses_changes(read, raw)
    if key:
        refused(lambda: s.open(bytes(32)), "another epoch's key")
        for bit, changed in flips(s.signed(), random.Random(SEED)):  # seal and root must hold without the signature's help
            refused(lambda: segment.parse(changed + s.sig).open(key), f"bit {bit} changed")
    check_frames(s, opened, [unhex(f) for f in v.get("frames", [])], signer, key)


def check_frames(cut, opened, frames, signer, key):
    """A cut holds the ops of its frames, at the same numbers."""
    if frames:
        same(len(frames), cut.count, "frames")
    prev = cut.prev
    for i, raw in enumerate(frames):
        frame = segment.parse(raw)
        frame.verify(signer)
        same((frame.first, frame.count, frame.prev), (cut.first + i, 1, prev), "frame")
        same(frame.open(key).ops, opened.ops[i:i + 1], "ops of a frame")
        prev = frame.hash()


def world(v, before_entry=lambda log, raw: None):
    """The logs of logs.json, verified entry by entry."""
    authority = unhex(v["authority"])
    units = {unhex(u): logs.UnitLog(authority) for u in v["units"]}
    streams = {unhex(v[s]): logs.StreamLog(authority, units) for s in ("sealed_stream", "open_stream")}
    for raw, wanted in zip(map(unhex, v["entries"]), v["hashes"], strict=True):
        log = {**units, **streams}[logs.parse_entry(raw).log]
        before_entry(log, raw)
        same(log.append(raw).hash.hex(), wanted, "hash of an entry")
    return streams


def check_logs(v):
    streams = world(v)
    names = {unhex(d["id"]): d["name"] for d in v["devices"]}
    for stream, table in (("sealed_stream", v["sealed_table"]), ("open_stream", v["open_table"])):
        log = streams[unhex(v[stream])]
        same(len(table), len(log.states) + 1, "positions in the table")
        same([row["position"] for row in table], list(range(len(table))), "positions")
        for row in table:
            state, rights = log.state(row["position"]), log.table(row["position"])
            same((state.epoch, state.clearance), (row["epoch"], row["clearance"]), "state")
            same({names[d]: x for d, x in rights.items()}, {n: x for n, x in row["rights"].items() if x}, f"rights at {row['position']}")
    sealed = streams[unhex(v["sealed_stream"])]
    check_epochs(v, sealed)
    same(logs.admin_card(unhex(v["admin_card"]), sealed.authority).key in sealed.admins, True, "admin")
    for case in v["refused"]:
        raw = unhex(case["entry"])
        entry = logs.parse_entry(raw)
        same((entry.log, entry.index), (sealed.id, len(sealed.hashes)), "place of a refused entry")
        for key, sig in entry.signers:  # so that it is not refused for a bad signature
            p.verify(key, "samanvay log v1", entry.signed, sig)
        same(entry.prev == sealed.hashes[-1], case["why"] != "does not follow the entry before", "chain of a refused entry")
        refused(lambda: sealed.append(raw), case["why"])
        same(sealed.beyond, False, "refused, not put off until an update")
    two = [e for e in map(logs.parse_entry, map(unhex, v["entries"])) if len(e.signers) == 2]
    same([e.log for e in two], [sealed.id], "entries with two signers, that the log took")
    for case in v["newer"]:
        check_newer(v, unhex(case["entry"]), case["why"])


def check_newer(v, raw, why):
    """An entry of a later version: judging stops there, for it and for whatever comes after."""
    sealed = world(v)[unhex(v["sealed_stream"])]
    length = len(sealed.hashes)
    for entry in (raw, raw, unhex(v["refused"][0]["entry"])):
        try:
            sealed.append(entry)
        except p.UpdateNeeded:
            continue
        raise AssertionError(f"{why}: judged")
    same((len(sealed.hashes), sealed.beyond, len(sealed.states)), (length, True, length), "log before an entry of a later version")


def check_epochs(v, sealed):
    private = {e["number"]: unhex(e["private"]) for e in v["epochs"]}
    for e in v["epochs"]:
        same(sealed.epochs[e["number"]].public.hex(), e["public"], "public half of an epoch")
        same(hpke.public_of(private[e["number"]]).hex(), e["public"], "halves of an epoch")
    for d in v["devices"]:
        card, secret = logs.device_card(unhex(d["card"])), unhex(d["x25519_private"])
        same((card.id.hex(), card.box), (d["id"], hpke.public_of(secret)), "card")
        same(sealed.epoch_keys(secret, card.id), {n: private[n] for n in d["opens_epochs"]}, f"epochs of {d['name']}")
        refuses_changes(logs.device_card, unhex(d["card"]), 60)
    same(sealed.epoch_keys(unhex(v["recovery_private"])), private, "epochs by the recovery key")


def check_log_changes(v):
    rng = random.Random(SEED)

    def before_entry(log, raw):
        length = len(log.hashes)
        for bit, changed in flips(raw, rng, 24):
            refused(lambda: log.append(changed), f"bit {bit} of entry {length} changed")
        same((len(log.hashes), log.beyond), (length, False), "log after refusals")

    world(v, before_entry)


def check_believed(v):
    """Segments and logs together: who may be believed, by the logs of logs.json."""
    streams = world(v)
    for name in ("segment-sealed.json", "segment-open.json"):
        case = load(name)
        raw = unhex(case["segment"])
        s = segment.parse(raw)
        log = streams[s.stream]
        same(log.judge(s).sign.hex(), case["signer"], "author's key")
        refuses_changes(lambda data: log.judge(segment.parse(data)), raw)
        for other in streams.values():
            if other is not log:
                refused(lambda: other.judge(s), "segment of another stream")
    device = next(d for d in v["devices"] if d["name"] == "beat")
    sealed = load("segment-sealed.json")
    s = segment.parse(unhex(sealed["segment"]))
    keys = streams[s.stream].epoch_keys(unhex(device["x25519_private"]), unhex(device["id"]))
    same([op_json(op) for op in s.open(keys[s.epoch]).ops], sealed["ops"], "ops, by a reader of a later epoch")


def verdict(log, raw):
    try:
        log.judge(segment.parse(raw))
    except p.NotYet:
        return "wait"
    except p.UpdateNeeded:
        return "update"
    except p.Refused:
        return "refused"
    return "believed"


def check_judged(v):
    """Segments that the logs of logs.json must believe or not; each refused one breaks the one rule that it names."""
    streams = world(load("logs.json"))
    seen = collections.Counter()
    for case in v["cases"]:
        raw = unhex(case["segment"])
        wanted = case["verdict"] if case["verdict"] in ("believed", "wait", "update") else "refused"
        same(verdict(streams[raw[1:17]], raw), wanted, case["why"])
        signed_well = (lambda: p.verify(unhex(case["signer"]), segment.CONTEXT, raw[:-64], raw[-64:]))
        refused(signed_well, case["why"]) if case["verdict"] == "bad_signature" else signed_well()
        seen[case["verdict"]] += 1
    same(min(seen.values()) > 0 and len(seen), 7, "verdicts met")


def cell_json(key, cell):
    path, number = key
    live = [{"op": ref_json(ref), "seconds": time, "value": write_json(payload.Change(number, form, None, value))}
            for ref, time, form, value in cell.live()]
    members = [{"code": code, "ops": [ref_json(ref) for ref in refs]} for code, refs in cell.members().items()]
    return {
        "rows": [row.hex() for row in path], "field": number, "live": live, "members": members, "conflict": cell.conflict(),
        "disputed": cell.disputed
    }


def routes_json(routes):
    return [{"stream": stream.hex(), "role": role} for stream, role in sorted(routes)]


def record_json(record, repeat):
    home, = record.homes if len(record.homes) == 1 else [None]
    return {
        "cells": [cell_json(key, record.cells[key]) for key in sorted(record.cells)],
        "rows": [row.hex() for row in record.rows(repeat)], "hidden": sorted(record.hidden),
        "home": home and home.hex(), "contested": len(record.homes) > 1,
        "routes": routes_json(record.routes), "stray_routes": routes_json(record.stray_routes),
        "aside": [ref_json(ref) for ref in sorted(record.aside, key=merge.order_of)],
        "created": record.created and ref_json(record.created[2]), "updated": record.updated and ref_json(record.updated[2])
    }


def check_merge(v):
    """Every order of the copies, each with a repeat, gives the one state."""
    for case in v["cases"]:
        copies = []
        for copy in case["copies"]:
            op, = payload.decode_payload(unhex(copy["payload"]), unhex(copy["author"]), unhex(v["generation"]), 1)
            copies.append(merge.Copy(op, unhex(copy["stream"]), copy["may_be_home"], copy["form"], tuple(copy["hidden"])))
        for order in itertools.permutations(copies):
            record = merge.merge(unhex(v["record"]), (*order, order[0]))
            same(record_json(record, v["repeat"]), case["state"], case["what"])


def check_refusals(v):
    for case in v["refusals"]:
        same(messages.parse_refusal(case["body"]), (case["code"], case["detail"], case["status"]), "refusal")
    same(sorted(case["code"] for case in v["refusals"]), sorted(messages.REFUSALS), "codes")
    for body in v["unknown"]:
        refused(lambda: messages.parse_refusal(body), f"refusal {body}")


def check_sync(v):
    transport, hub, says = unhex(v["transport"]), unhex(v["hub"]), v["request_says"]
    raw = unhex(v["request"])
    request = messages.parse_request(raw, transport)
    head = {k: getattr(request, k) for k in ("budget", "device", "generation", "number")}
    streams = [{
        "cursor": w.cursor, "log": w.log, "pushes": len(w.pushed), "segments": w.segments, "stream": w.handle.hex()
    } for w in request.streams]
    same({**{k: x.hex() if isinstance(x, bytes) else x for k, x in head.items()}, "streams": streams}, says, "request")
    wanted = [segment.parse(unhex(s)) for s in v["pushed"]]
    same([s.prev.hex() for s in wanted], v["pushed_prevs"], "prevs")
    held = {(s.stream, s.generation, s.first): s.prev for s in wanted[:2]}  # the third brings its own
    told = load("logs.json")
    pushed = request.segments([unhex(told[s]) for s in ("sealed_stream", "open_stream")], held)
    same([s for stream in pushed for s in stream], wanted, "pushed segments")
    refuses_changes(lambda data: messages.parse_request(data, transport), raw)
    check_reply(v, request, pushed, hub)


def check_reply(v, request, pushed, hub):
    raw, says = unhex(v["reply"]), v["reply_says"]
    reply = messages.parse_reply(raw, request, pushed, hub)
    receipt = reply.receipt
    streams = [{
        "head": a.head, "next": a.next, "pushes": [[result, at] for _, result, at in a.results], "status": a.status
    } for a in receipt.answers]
    (at, delivered), = [x for d in reply.deliveries for x in d.segments]
    got = {
        "entries": [e.hex() for d in reply.deliveries for e in d.entries], "hub_time": receipt.hub_time,
        "incarnation": receipt.incarnation.hex(), "more": reply.more, "streams": streams,
        "segment": {"position": at, "segment": delivered.canonical().hex()}
    }
    same(got, says, "reply")
    kept = unhex(v["receipt"])
    same((receipt.signed() + receipt.sig).hex(), v["receipt"], "receipt rebuilt from request and reply")
    same(messages.parse_receipt(kept, hub), receipt, "receipt as kept")
    refuses_changes(lambda data: messages.parse_receipt(data, hub), kept, len(kept) * 8)
    for end in range(len(raw)):
        refused(lambda: messages.parse_reply(raw[:end], request, pushed, hub), f"reply cut at {end}")
    swapped = [pushed[0][::-1], *pushed[1:]]
    refused(lambda: messages.parse_reply(raw, request, swapped, hub), "a receipt for other segments")


def check_admin(v):
    authority = unhex(v["authority"])
    log, length, entries = messages.parse_append(unhex(v["append"]))
    same({"entries": [e.hex() for e in entries], "length": length, "log": log.hex()}, v["append_says"], "append")
    unit = logs.UnitLog(authority)
    for raw in entries:
        unit.append(raw)
    same((unit.id, len(unit.hashes)), (log, length + len(entries)), "appended entries")
    same(messages.parse_json(v["appended"]), {"length": length + len(entries)}, "answer to an append")

    def read(data):
        return messages.parse_admin_request(data, authority)

    act, admin, time, (log, start) = read(unhex(v["read_log"]))
    same({"act": act, "admin": admin.key.hex(), "from": start, "log": log.hex(), "time": time}, v["read_log_says"], "reading a log")
    same(read(unhex(v["pending"]))[0], 2, "act")
    same(messages.parse_list(unhex(v["list"])), entries, "list")
    for name in ("read_log", "pending"):
        refuses_changes(read, unhex(v[name]))


def check_invite(v):
    authority, says = unhex(v["authority"]), v["invite_says"]
    public, seed = messages.parse_invite_code(v["code"])
    same(public.hex(), v["invite"], "public part")
    invite = messages.parse_invite(public, authority)
    got = {
        "ca": invite.ca.hex(), "expires": invite.expires, "hub": invite.hub.hex(), "hub_url": invite.url, "post": invite.post.hex(),
        "unit": invite.unit.hex(), "pins": [x.hex() for x in invite.pins]
    }
    same(got, {k: x for k, x in says.items() if k != "admin_card"}, "invite")
    messages.check_pins(invite)
    same(invite.pins.index(messages.pin(invite.ca)), 1, "place of the pin of the CA certificate")
    refused(lambda: messages.check_pins(dataclasses.replace(invite, pins=invite.pins[:1])), "a certificate without its pin")
    same(invite.admin, logs.admin_card(unhex(says["admin_card"]), authority), "admin card")
    same(invite.id.hex(), v["invite_id"], "invite id")
    enrolment = unhex(v["enrolment"])
    enrolled, card = messages.parse_enrolment(enrolment, authority)
    same((enrolled, card), (invite, logs.device_card(unhex(v["card"]))), "enrolment")
    same(card.id.hex(), v["device"], "device")
    refuses_changes(lambda data: messages.parse_invite(data, authority), public)
    refuses_changes(lambda data: messages.parse_enrolment(data, authority), enrolment)
    for wrong in (v["code"] + "=", v["code"][:-1], " " + v["code"], v["code"] + "A"):
        refused(lambda: messages.parse_invite_code(wrong), "a changed code")


CHECKS = {
    "bounds.json": [check_bounds], "text.json": [check_text], "schema.json": [check_schema], "payload.json": [check_payload],
    "segment-sealed.json": [check_segment], "segment-open.json": [check_segment], "segment-cut.json": [check_segment],
    "logs.json": [check_logs, check_log_changes, check_believed], "sync.json": [check_sync], "admin.json": [check_admin],
    "invite.json": [check_invite], "judged.json": [check_judged], "merge.json": [check_merge], "refusals.json": [check_refusals],
}


def main():
    results = collections.Counter()

    def run(name, action):
        try:
            action()
        except Exception as e:  # noqa: BLE001  a failed check must not hide the others
            results["failed"] += 1
            print(f"FAILED {name}: {type(e).__name__}: {e}")
            traceback.print_exc()
        else:
            results["passed"] += 1
            print(f"ok     {name}")

    run("selftest: primitives, padding, trees, RFC 9180 A.2.1", selftest.run)
    found = sorted(f.relative_to(VECTORS).as_posix() for f in VECTORS.rglob("*.json"))
    for name in sorted({*found, *CHECKS}):
        def whole(name=name):
            if name not in CHECKS:
                raise AssertionError("no check for this file")
            for check in CHECKS[name]:
                check(load(name))

        run(name, whole)
    print(f"{results['passed']} passed, {results['failed']} failed")
    return 1 if results["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
