"""Merge of docs/wire.md §5: what a record is, given copies of its ops in any order.

Knows registers, sets and rows by form. Needs no schema, no clock and no keys.
Invariant: the state is a function of the set of copies, so their order and repeats change nothing.
Start at `merge`.
"""

from dataclasses import dataclass, field

CLEARED, SET_DELTA = 0, 4
HOME = 0  # role of a route
FORMS = [0, 1, 2, 3, 5, 4]  # of two differing copies, neither from home, the one with the later form counts


def order_of(ref):
    return ref.device, ref.generation, ref.counter, ref.tag


def rank(copy):
    """Which copy of one write counts: the home stream's, then the greater form, value and time."""
    home, form, value, time = copy
    if form == SET_DELTA:
        adds, removes = value
        value = (adds, [(code, [order_of(seen) for seen in ops]) for code, ops in removes])
    elif form == 2:
        value = value.encode()
    return home, FORMS.index(form), () if value is None else value, time


@dataclass
class Cell:
    writes: dict = field(default_factory=dict)  # op → (home, form, value, time)
    replaced: set = field(default_factory=set)
    disputed: bool = False

    def add(self, op, change, home):
        self.replaced |= {ref for ref in change.replaced or [] if ref != op.id}
        copy = (home, change.form, change.value, op.time)
        held = self.writes.get(op.id)
        if held is None:
            self.writes[op.id] = copy
            return
        self.disputed |= held[1:3] != copy[1:3]
        self.writes[op.id] = max(held, copy, key=rank)

    def live(self):
        """(op, time, form, value) of the writes that no other write replaces; the one shown first in front."""
        live = [(ref, time, form, value) for ref, (_, form, value, time) in self.writes.items()
                if form != SET_DELTA and ref not in self.replaced]
        return sorted(live, key=lambda x: (x[1], order_of(x[0])), reverse=True)

    def conflict(self):
        values = [(form, value) for _, _, form, value in self.live()]
        return any(value != values[0] for value in values)

    def members(self):
        """Code → ops whose add no remove has seen."""
        deltas = [(ref, *value) for ref, (_, form, value, _) in self.writes.items() if form == SET_DELTA]
        removed = {(code, seen) for _, _, removes in deltas for code, ops in removes for seen in ops}
        held = {}
        for ref, adds, _ in sorted(deltas, key=lambda x: order_of(x[0])):
            for code in adds:
                if (code, ref) not in removed and ref not in held.get(code, []):
                    held.setdefault(code, []).append(ref)
        return dict(sorted(held.items()))

    def there(self):
        """The value of a row's register that is shown first among those not cleared, or None."""
        return next(((form, value) for _, _, form, value in self.live() if form != CLEARED), None)


@dataclass
class Copy:
    """One copy of an op, as one stream brought it."""
    op: object
    stream: bytes
    may_be_home: bool  # records of this form may have a stream of this purpose as home
    form: str  # form id of the op's schema
    hidden: tuple  # fields that should not have come

    def founds_home(self):
        return self.may_be_home and self.op.creates and (self.stream, HOME) in (self.op.routes or [])

    def stamp(self):
        return self.op.time, order_of(self.op.id), self.op.id


@dataclass
class Record:
    id: bytes
    homes: set = field(default_factory=set)
    cells: dict = field(default_factory=dict)  # (row ids, field) → Cell
    routes: set = field(default_factory=set)  # (stream, role)
    stray_routes: set = field(default_factory=set)
    aside: set = field(default_factory=set)
    hidden: set = field(default_factory=set)
    created: tuple | None = None  # (time, order of the op, op)
    updated: tuple | None = None

    def add(self, copy):
        """A copy that counts."""
        op = copy.op
        self.updated = max(self.updated or copy.stamp(), copy.stamp())
        for path, changes in op.groups:
            for change in changes:
                if change.field in copy.hidden:
                    self.hidden.add(change.field)
                else:
                    cell = self.cells.setdefault((tuple(path), change.field), Cell())
                    cell.add(op, change, copy.stream in self.homes)

    def rows(self, repeat):
        """Rows of an outermost repeat that are there, by order key, then by row id; a key that is no number sorts last."""
        found = []
        for (path, number), cell in self.cells.items():
            if number == repeat and len(path) == 1 and (value := cell.there()):
                form, order = value
                found.append((order if form == 1 else (1 << 63) - 1, path[0]))
        return [row for _, row in sorted(found)]


def merge(record_id, copies):
    """What the record is, given these copies."""
    copies = [copy for copy in copies if copy.op.record == record_id]
    record = Record(record_id, homes={copy.stream for copy in copies if copy.founds_home()})
    founding = [copy for copy in copies if (copy.founds_home() if record.homes else copy.op.creates)]
    first = min(founding or copies, key=lambda copy: (copy.stamp()[:2], copy.form), default=None)
    through_home = {copy.op.id for copy in copies if copy.stream in record.homes}
    counted = set()
    for copy in copies:
        if copy.form == first.form and (not record.homes or copy.op.id in through_home):
            record.add(copy)
            counted.add(copy.op.id)
        says = founding and copy.op.id == first.op.id and copy.founds_home()
        (record.routes if says else record.stray_routes).update(copy.op.routes or [])
    record.aside = {copy.op.id for copy in copies} - counted
    record.created = first.stamp() if founding else None
    return record
