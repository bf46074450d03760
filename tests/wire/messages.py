"""Messages of docs/wire.md §7 and §8: request, reply, receipt, append, admin request, invite, enrolment.

Knows shapes and signatures; whether an act is allowed is for the logs.
Invariant: a receipt rebuilt from a request and its reply is the receipt that the hub signed.
Start at `parse_request`, `parse_reply`.
"""

import base64
import binascii
import json
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from logs import admin_card, device_card
from primitives import Reader, Refused, ZERO_HASH, cap, decode_all, known, listed, need, sha256, varint, verify
from segment import parse_wire


@dataclass
class Wanted:
    """One stream of a request."""

    handle: bytes
    segments: bool
    cursor: int
    log: int
    pushed: list  # wire forms


@dataclass
class Request:
    device: bytes
    generation: bytes
    number: int
    budget: int
    streams: list

    def segments(self, streams, held):
        """Pushed segments per stream. `streams`: ids that the handles may name; `held`: (stream, generation, first) → hash
        of what the hub holds up to first − 1."""
        ids = {handle(stream): stream for stream in sorted(streams, reverse=True)}
        return [[
            parse_wire(wire, s, self.device, self.generation, lambda g, first, s=s: held.get((s, g, first))) for wire in w.pushed
        ] for w, s in ((w, ids[w.handle]) for w in self.streams)]


def handle(stream):
    """What names a stream in requests and receipts."""
    return stream[:8]


def parse_request(data, transport):
    """`transport`: the public transport key of the card that the logs name."""
    cap(len(data), "message")
    r = Reader(data)
    r.version()
    head = (r.id(), r.take(8), r.varint(), r.varint())

    def wanted():
        name, counted, cursor, log = r.take(8), r.varint(), r.varint(), r.varint()
        return Wanted(name, bool(counted & 1), cursor, log, r.exactly(counted // 2, r.bytes, 1))

    streams = r.many(wanted, 11, "streams")
    need(len({w.handle for w in streams}) == len(streams), "a stream is named twice")
    signed, algorithm, sig = data[:r.at], r.u8(), r.take(64)
    r.end()
    known(algorithm == 1, "transport algorithm")
    verify(transport, "samanvay sync v1", signed, sig)
    return Request(*head, streams)


@dataclass
class Answer:
    """What a receipt says of one stream."""

    handle: bytes
    status: int
    head: int
    next: int
    results: list  # (segment hash, result, position)


@dataclass
class Receipt:
    device: bytes
    number: int
    incarnation: bytes
    hub_time: int
    answers: list
    sig: bytes

    def signed(self):
        answers = [
            a.handle + bytes([a.status]) + varint(a.head) + varint(a.next)
            + listed([h + bytes([result]) + varint(position) for h, result, position in a.results]) for a in self.answers
        ]
        return b"\1" + self.device + varint(self.number) + self.incarnation + varint(self.hub_time) + listed(answers)

    def check(self, hub):
        for a in self.answers:
            known(a.status <= 2, "status")
            for name, result, position in a.results:
                known(result <= 11, "result")
                taken = result <= 1
                need((position > 0) == taken and (name != ZERO_HASH) == taken, "position or hash does not fit the result")
        verify(hub, "samanvay receipt v1", self.signed(), self.sig)
        return self


def parse_receipt(data, hub):
    """A receipt as kept."""
    cap(len(data), "message")

    def whole(r):
        def answer():
            return Answer(r.take(8), r.u8(), r.varint(), r.varint(), r.many(lambda: (r.hash(), r.u8(), r.varint()), 34))

        r.version()
        return Receipt(r.id(), r.varint(), r.take(8), r.varint(), r.many(answer, 12, "streams"), r.take(64))

    return decode_all(data, whole).check(hub)


@dataclass
class Delivery:
    stream: bytes
    entries: list
    segments: list  # (position, segment)


@dataclass
class Reply:
    receipt: Receipt
    deliveries: list
    more: bool


def parse_reply(data, request, pushed, hub):
    """`pushed`: `request.segments(…)`, whose hashes the receipt names."""
    cap(len(data), "message")
    r = Reader(data)
    r.version()
    incarnation, hub_time = r.take(8), r.varint()
    need(r.varint() == len(request.streams), "the reply is not to this request")
    answers = []
    for wanted, segments in zip(request.streams, pushed):
        status, head, following = r.u8(), r.varint(), r.varint()
        results = r.exactly(len(segments), lambda: (r.u8(), r.varint()), 2)
        named = [(s.hash() if result <= 1 else ZERO_HASH, result, at) for s, (result, at) in zip(segments, results)]
        answers.append(Answer(wanted.handle, status, head, following, named))
    receipt = Receipt(request.device, request.number, incarnation, hub_time, answers, r.take(64)).check(hub)

    def delivery():
        stream, entries = r.id(), r.many(r.bytes, 1)
        wires = r.many(lambda: (r.varint(), r.bytes()), 2)
        return Delivery(stream, entries, [(position, parse_wire(wire, stream)) for position, wire in wires])

    deliveries = r.many(delivery, 18)
    more = r.u8()
    need(more <= 1, "`more` is 0 or 1")
    r.end()
    return Reply(receipt, deliveries, bool(more))


REFUSALS = {
    "malformed": 400, "unknown_device": 403, "bad_signature": 403, "removed": 403, "stale_number": 409, "log_moved": 409,
    "invite_used": 409, "bad_invite": 403, "bad_entry": 422, "too_large": 413, "busy": 503,
}


def parse_json(body):
    """A JSON object of at most 4 KiB."""
    need(len(body) <= 4096, "JSON body too large")
    try:
        value = json.loads(body)
    except ValueError:
        raise Refused("not JSON") from None
    need(isinstance(value, dict), "not a JSON object")
    return value


def parse_refusal(body):
    """Code, number and HTTP status of a refusal of a whole request."""
    value = parse_json(body)
    code, detail = value.get("code"), value.get("detail", 0)
    need(isinstance(code, str) and isinstance(detail, int) and 0 <= detail < 1 << 64, "not a refusal")
    known(code in REFUSALS, "refusal")
    return code, detail, REFUSALS[code]


def parse_append(data):
    """§8: log id, expected length, entries."""
    cap(len(data), "message")

    def whole(r):
        r.version()
        return r.id(), r.varint(), r.many(r.bytes, 1)

    return decode_all(data, whole)


def parse_list(data):
    """The reply to an admin request: entries or enrolments."""
    cap(len(data), "message")
    return decode_all(data, lambda r: r.many(r.bytes, 1))


def parse_admin_request(data, authority):
    """§8: admin card, act, time, argument; signed by that admin."""
    cap(len(data), "message")

    def whole(r):
        r.version()
        return r.u8(), admin_card(r.bytes(), authority), r.varint(), r.bytes(), r.take(64)

    act, admin, time, argument, sig = decode_all(data, whole)
    verify(admin.key, "samanvay admin request v1", data[:-64], sig)
    if act == 1:
        argument = decode_all(argument, lambda r: (r.id(), r.varint()))
    else:
        known(act == 2, "act")
        need(not argument, "act 2 has no argument")
    return act, admin, time, argument


@dataclass
class Invite:
    key: bytes
    unit: bytes
    post: bytes
    expires: int
    url: str
    pins: list
    ca: bytes
    authority: bytes
    hub: bytes
    admin: object
    id: bytes


def parse_invite(data, authority=None):
    """The public part. `authority`: pinned, where the reader has one; a new phone takes the invite's own."""

    def whole(r):
        r.version()
        head = (r.take(32), r.id(), r.id(), r.varint(), r.text(), r.many(r.hash, 32), r.bytes(), r.take(32), r.take(32))
        return head, r.bytes(), r.take(64)

    head, admin, sig = decode_all(data, whole)
    need(authority in (None, head[7]), "invite of another authority")
    invite = Invite(*head, admin_card(admin, head[7]), sha256(data)[:16])
    verify(invite.admin.key, "samanvay invite v1", data[:-64], sig)
    return invite


def check_pins(invite):
    """§8: the certificate that a client trusts is that of one of the pins, in any place."""
    need(pin(invite.ca) in invite.pins, "certificate is not pinned")


def pin(certificate):
    """SHA-256 of the SubjectPublicKeyInfo of a DER certificate."""
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except ValueError:
        raise Refused("not a certificate") from None
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def parse_invite_code(code):
    """The text behind the QR code: public part (raw bytes) and seed, which must fit."""
    need(len(code) % 4 != 1 and "=" not in code, "not base64url without padding")
    try:
        raw = base64.b64decode(code + "=" * (-len(code) % 4), b"-_", validate=True)
    except binascii.Error:
        raise Refused("not base64url without padding") from None
    need(base64.urlsafe_b64encode(raw).rstrip(b"=") == code.encode(), "not base64url in its one form")
    public, seed = decode_all(raw, lambda r: (r.bytes(), r.take(32)))
    need(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw() == parse_invite(public).key, "seed of another invite")
    return public, seed


def parse_enrolment(data, authority=None):
    """§8: invite and card, signed with the invite's key."""

    def whole(r):
        r.version()
        return r.bytes(), r.bytes(), r.take(64)

    public, card, sig = decode_all(data, whole)
    invite = parse_invite(public, authority)
    verify(invite.key, "samanvay enrol v1", data[:-64], sig)
    return invite, device_card(card)
