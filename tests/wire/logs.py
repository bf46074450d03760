"""Who is who and membership logs, docs/wire.md §2 and §3: verification, the rights table, epoch keys.

Knows cards, entries and what follows from them. Holds no clock: claimed times are never judged.
Invariant: every judgement is about a position, so that it never changes when a log grows.
Start at `UnitLog.append`, `StreamLog.append`, `StreamLog.judge`.
"""

from dataclasses import dataclass

import hpke
from primitives import NotYet, Reader, Refused, UpdateNeeded, ZERO_HASH, ZERO_ID, cap, decode_all, known, need, sha256, varint, verify

READS, WRITES = 1, 2
OPEN_PURPOSE, CLASS_A, ALL_CLASSES = 3, 1, 31
BOX = 80


@dataclass
class Card:
    """A device's public half."""

    sign: bytes
    box: bytes
    transport: bytes
    id: bytes


def device_card(data):
    """§2: parses and verifies a device card."""
    card = decode_all(data, lambda r: (r.take(32), r.take(32), r.u8(), r.take(32), r.take(64)))
    sign, box, algorithm, transport, sig = card
    known(algorithm == 1, "transport algorithm")
    verify(sign, "samanvay device v1", data[:-64], sig)
    return Card(sign, box, transport, sha256(b"samanvay device id v1\0", sign, box)[:16])


@dataclass
class AdminCard:
    key: bytes
    district: int
    name: str


def admin_card(data, authority):
    """§2: parses an admin card and verifies that the authority signed it."""

    def whole(r):
        r.version()
        return AdminCard(r.take(32), r.varint(), r.text()), r.take(64)

    card, sig = decode_all(data, whole)
    verify(authority, "samanvay admin v1", data[:-64], sig)
    return card


@dataclass
class Entry:
    log: bytes
    index: int
    prev: bytes
    time: int
    kind: int
    body: bytes
    signers: list
    signed: bytes
    hash: bytes


def parse_entry(data):
    """§3, without judging it."""
    cap(len(data), "entry")
    r = Reader(data)
    r.version()
    head = (r.id(), r.varint(), r.hash(), r.varint(), r.u8(), r.bytes())
    signed = data[:r.at]
    signers = r.many(lambda: (r.take(32), r.take(64)), 96)
    r.end()
    need(len(signers) in (1, 2), "one or two signers")
    return Entry(*head, signers, signed, sha256(data))


class Log:
    """What unit and stream logs share: chain, admins, signatures."""

    def __init__(self, authority):
        self.authority, self.id, self.district = authority, None, None
        self.hashes, self.admins, self.beyond = [], {}, False

    def append(self, data):
        """Verifies the next entry, or refuses and stays as it was."""
        entry = parse_entry(data)
        if self.beyond:
            raise UpdateNeeded("an entry before this one is of an unknown kind")
        need(entry.index == len(self.hashes), "not the next entry")
        need(entry.prev == (self.hashes[-1] if self.hashes else ZERO_HASH), "entry does not follow the one before")
        need(self.id in (None, entry.log), "entry of another log")
        genesis = entry.kind in (1, 2)
        need(genesis == (entry.index == 0), "a log has one genesis, at index 0")
        r = Reader(entry.body)
        new_admin, district, admins = None, self.district, self.admins
        if genesis:
            new_admin, district = admin_card(r.bytes(), self.authority), r.varint()
            need(district < 1 << 32, "district over 32 bits")
            admins = {new_admin.key: new_admin}
        keys = [key for key, _ in entry.signers]
        need(len(set(keys)) == len(keys), "one key signed twice")
        for key, sig in entry.signers:
            need(key in admins, "signer is not an admin of this log")
            verify(key, "samanvay log v1", entry.signed, sig)
        need(entry.kind in self.KINDS or not 1 <= entry.kind <= 11, "an entry of the other kind of log")
        try:
            known(entry.kind in self.KINDS, "kind of an entry")
            new_admin = admin_card(r.bytes(), self.authority) if entry.kind == 3 else new_admin
            change = self.read(entry, r)
        except UpdateNeeded:
            self.beyond = True
            raise
        r.end()
        need(not new_admin or new_admin.district in (0, district), "admin of another district")
        self.id, self.district = entry.log, district
        if new_admin:
            self.admins = {**self.admins, new_admin.key: new_admin}
        change()
        self.hashes.append(entry.hash)
        return entry


def nothing():
    """The change of an entry that changes no more than what all logs share."""


class UnitLog(Log):
    """Posts of a unit and the devices bound to them, at every length."""

    KINDS = (1, 3, 4, 5, 6)

    def __init__(self, authority):
        super().__init__(authority)
        self.kind = self.name = None
        self.posts, self.cards = {}, {}
        self.bound = []  # one map device → post per length, from length 1

    def bindings(self, length):
        return self.bound[length - 1] if length else {}

    def append(self, data):
        self.next = dict(self.bound[-1]) if self.bound else {}
        entry = super().append(data)
        self.bound.append(self.next)
        return entry

    def read(self, entry, r):
        if entry.kind == 1:
            kind, name = r.u8(), r.text()
            known(1 <= kind <= 4, "kind of a unit")
            return lambda: self.__dict__.update(kind=kind, name=name)
        if entry.kind == 4:
            post, role, name = r.id(), r.u8(), r.text()
            known(1 <= role <= 4, "role of a post")
            return lambda: self.posts.update({post: (role, name)})
        if entry.kind == 5:
            post, card = r.id(), device_card(r.bytes())
            need(post in self.posts, "bind to a post that is not there")
            return lambda: (self.cards.update({card.id: card}), self.next.update({card.id: post}))
        if entry.kind == 6:
            device, reason = r.id(), r.u8()
            known(1 <= reason <= 3, "reason of a removal")
            need(device in self.next, "removes a device that is not bound")
            return lambda: self.next.pop(device)
        return nothing


@dataclass
class Epoch:
    public: bytes
    previous: bytes
    recovery: bytes
    boxes: list  # (device, box); a device may have several


@dataclass
class State:
    """What holds at one position."""

    clearance: int
    units: dict    # unit → length
    members: dict  # (unit, post) → rights
    epoch: int     # newest number, 0 = none


class StreamLog(Log):
    """Members and epochs of a stream, at every position. `units` maps a unit's id to its log, as far as held."""

    KINDS = (2, 3, 7, 8, 9, 10, 11)

    def __init__(self, authority, units):
        super().__init__(authority)
        self.units, self.purpose, self.name, self.recovery = units, None, None, None
        self.states, self.epochs = [], {}

    def state(self, position):
        need(position <= len(self.states), "position ahead of the log")
        return self.states[position - 1] if position else State(0, {}, {}, 0)

    def rights(self, device, position):
        """Rights byte at a position; of every post that the device holds in some unit."""
        state, rights = self.state(position), 0
        for unit, length in state.units.items():
            post = self.units[unit].bindings(length).get(device)
            rights |= state.members.get((unit, post), 0)
        return rights

    def table(self, position):
        """Device → rights, without those who have none."""
        devices = {d for unit, length in self.state(position).units.items() for d in self.units[unit].bindings(length)}
        rights = {d: self.rights(d, position) for d in devices}
        return {d: x for d, x in rights.items() if x}

    def card(self, device, position):
        for unit, length in self.state(position).units.items():
            if device in self.units[unit].bindings(length):
                return self.units[unit].cards[device]
        raise Refused("not bound at that position")

    def append(self, data):
        old = self.state(len(self.states))
        self.next = State(old.clearance, dict(old.units), dict(old.members), old.epoch)
        entry = super().append(data)
        self.states.append(self.next)
        return entry

    def readers(self, boxes):
        position = len(self.states)
        for device, _ in boxes:
            need(self.rights(device, position) & READS, "a box for a device that is not a reader")

    def read(self, entry, r):
        need(entry.kind not in (9, 10) or self.purpose != OPEN_PURPOSE, "an open stream has no epochs")
        return {2: self.genesis, 3: lambda _: nothing, 7: self.unit_at, 8: self.member, 9: self.new_epoch, 10: self.wrap,
                11: self.set_clearance}[entry.kind](r)

    def clear(self, clearance, purpose):
        known(clearance <= ALL_CLASSES, "class in a clearance")
        need(purpose != OPEN_PURPOSE or clearance == CLASS_A, "an open stream is cleared for A only")
        return clearance

    def genesis(self, r):
        clearance, purpose, name, recovery = r.u8(), r.u8(), r.text(), r.take(32)
        known(1 <= purpose <= 5, "purpose of a stream")
        self.clear(clearance, purpose)

        def change():
            self.purpose, self.name, self.recovery = purpose, name, recovery
            self.next.clearance = clearance

        return change

    def unit_at(self, r):
        unit, length, last = r.id(), r.varint(), r.hash()
        need(length and length >= self.next.units.get(unit, 0), "length of a unit's log falls")
        held = self.units.get(unit)
        need(held and held.authority == self.authority and length <= len(held.hashes), "the unit's log is not held that far")
        need(held.hashes[length - 1] == last, "another log of that unit")
        return lambda: self.next.units.update({unit: length})

    def member(self, r):
        unit, post, rights = r.id(), r.id(), r.u8()
        known(rights <= READS | WRITES, "right of a member")
        return lambda: self.next.members.update({(unit, post): rights})

    def new_epoch(self, r):
        number, public, previous, recovery = r.varint(), r.take(32), r.bytes(), r.bytes()
        boxes = r.many(lambda: (r.id(), r.take(BOX)), 16 + BOX)
        need(number == self.next.epoch + 1, "not the next epoch")
        need(len(previous) == (BOX if number > 1 else 0) and len(recovery) == BOX, "box of a wrong size")
        self.readers(boxes)

        def change():
            self.next.epoch = number
            self.epochs[number] = Epoch(public, previous, recovery, boxes)

        return change

    def wrap(self, r):
        number, device, box = r.varint(), r.id(), r.take(BOX)
        need(number in self.epochs, "wrap of no epoch")
        self.readers([(device, box)])
        return lambda: self.epochs[number].boxes.append((device, box))

    def set_clearance(self, r):
        clearance = self.clear(r.u8(), self.purpose)
        return lambda: setattr(self.next, "clearance", clearance)

    def unbox(self, number, secret, aad, box):
        """The private half of an epoch; must fit the public half in the log."""
        info = b"samanvay epoch wrap v1\0" + self.id + varint(number)
        private, _ = hpke.open_box(secret, info, aad, box)
        need(len(private) == 32 and hpke.public_of(private) == self.epochs[number].public, "not the key of that epoch")
        return private

    def epoch_keys(self, secret, device=None):
        """Number → private half, for a device's box key, or for the recovery key when `device` is None."""
        keys = {}
        for number in sorted(self.epochs, reverse=True):
            boxes = [b for d, b in self.epochs[number].boxes if d == device] if device else [self.epochs[number].recovery]
            tries = [(secret, device or ZERO_ID, b) for b in boxes]
            if number + 1 in keys:
                tries.insert(0, (keys[number + 1], b"\xff" * 16, self.epochs[number + 1].previous))
            for attempt in tries:
                try:
                    keys.setdefault(number, self.unbox(number, *attempt))
                except Refused:
                    continue
        return keys

    def judge(self, segment):
        """§4, who may be believed: refuses, or returns the author's card."""
        need(segment.stream == self.id, "segment of another stream")
        need((segment.suite == 0) == (self.purpose == OPEN_PURPOSE), "sealed in an open stream, or open in a sealed one")
        if segment.position > len(self.states):
            raise NotYet("position ahead of the log")
        state = self.state(segment.position)
        need(self.rights(segment.author, segment.position) & WRITES, "author is not a writer at that position")
        need(segment.epoch == state.epoch, "not the newest epoch at that position")
        card = self.card(segment.author, segment.position)
        segment.verify(card.sign)
        return card
