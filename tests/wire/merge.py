"""Merge of docs/wire.md §5: what a record is, given copies of its ops in any order.

Knows registers, sets and rows by form. Needs no schema, no clock and no keys.
Invariant: the state is a union, so order and repeats of the copies change nothing.
Start at `Record.add`.
"""

from dataclasses import dataclass, field

CLEARED, SET_DELTA = 0, 4
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
class Record:
    id: bytes
    cells: dict = field(default_factory=dict)  # (row ids, field) → Cell
    routes: set = field(default_factory=set)
    hidden: set = field(default_factory=set)
    created: tuple | None = None  # (time, order of the op, op)
    updated: tuple | None = None

    def add(self, op, home, hidden=()):
        """One copy of an op; `home`: its home stream brought it; `hidden`: fields that should not have come."""
        if op.record != self.id:
            return
        stamp = (op.time, order_of(op.id), op.id)
        self.updated = max(self.updated or stamp, stamp)
        if op.creates:
            self.created = min(self.created or stamp, stamp)
        self.routes |= set(op.routes or [])
        for path, changes in op.groups:
            for change in changes:
                if change.field in hidden:
                    self.hidden.add(change.field)
                else:
                    self.cells.setdefault((tuple(path), change.field), Cell()).add(op, change, home)

    def rows(self, repeat):
        """Rows of an outermost repeat that are there, by order key, then by row id; a key that is no number sorts last."""
        found = []
        for (path, number), cell in self.cells.items():
            if number == repeat and len(path) == 1 and (value := cell.there()):
                form, order = value
                found.append((order if form == 1 else (1 << 63) - 1, path[0]))
        return [row for _, row in sorted(found)]
