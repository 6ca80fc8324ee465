"""One pass over all entries in order of seq: places, debts and acts here, leaves, tree and signatures beside it."""

from collections import deque

from service.verify.books import BOUNDARY, Books, Layout, Window
from service.verify.checkpoints import Tree
from service.verify.findings import Findings
from service.verify.places import Places
from service.verify.readers import Readers

MOST = 2**60  # no place is so far out: sums of two still fit the columns


class Replay:
    """Reads the windows of a book in their order."""

    def __init__(self, books: Books, findings: Findings, places: Places, layout: Layout, readers: Readers) -> None:
        self._books = books
        self._findings = findings
        self._places = places
        self._layout = layout
        self._readers = readers
        self._tree = Tree(books, findings, layout)
        self._asked: deque[Window] = deque()

    def read(self, window: Window) -> None:
        """Read the next window."""
        if self._readers.are_busy:
            self._settle()
        stamps = [
            (signed.size - window.lo, signed.body, signed.key_id, signed.signature)
            for signed in self._tree.standing(window)
        ]
        self._readers.ask(window.entries, window.due, stamps)
        self._asked.append(window)
        self._replay(window)

    def end(self) -> None:
        """Close the book."""
        while self._asked:
            self._settle()
        self._places.end_book()

    def _settle(self) -> None:
        self._tree.grow(self._asked.popleft(), self._readers.answer())

    # One loop, since more calls per entry would cost a third of the speed.
    def _replay(self, window: Window) -> None:  # noqa: PLR0912
        books, findings, places = self._books, self._findings, self._places
        sorts, loose, ins, outs = books.sorts, books.loose, books.columns.ins, books.columns.outs
        last, followed = len(sorts), places.followed
        size, legs, acts, act_now = books.seq, 0, 0, places.act
        for row in self._layout.row.iter_unpack(window.entries):
            seq, act, movement, source, lo, kg, target, target_lo, target_kg, over, cover, flags = row
            if seq != size + 1:
                findings.add("gap", size + 1, f"seq {seq} stands where it is due")
            size = seq
            if act != act_now:
                acts += 1
                if places.is_quiet and act == act_now + 1:
                    places.act = act
                else:
                    places.begin_act(seq, act)
                act_now = act
            if not 0 < source < last or not 0 <= target < last:
                findings.add("account", seq, "the entry names an account that there is not")
                continue

            # The plain case, which is nearly all: both places follow the ends, and the ends alone say what is over and
            # what is covered. Everything else is looked at place by place.
            if not (
                flags
                or lo != outs[source]
                or target_lo != ins[target]
                or not 0 < target_kg <= kg <= MOST
                or not target
                or (loose and (source in loose or target in loose))
            ):
                legs += 1
                come, gone = ins[source], outs[target]
                outs[source] = end = lo + kg
                ins[target] = target_lo + target_kg
                if over or cover or end > come or gone > target_lo:
                    short = 0 if end <= come or sorts[source] == BOUNDARY else end - max(come, lo)
                    paid = 0 if gone <= target_lo or sorts[target] == BOUNDARY else min(gone - target_lo, target_kg)
                    if over != short or cover != paid:
                        places.note_evidence(seq, over, cover, short, paid)
            elif (lo | kg | target_lo | target_kg) // MOST:
                findings.add("place", seq, "the entry names a place that no account has")
                continue
            elif target:
                legs += 1
                places.leg(row)
            elif cover or flags or target_lo >> 1 or target_kg >> 1:
                findings.add("place", seq, "the entry is neither a leg nor a hole")
                continue
            else:
                books.holes += 1
                places.hole(row)
                continue
            if over or cover:
                places.owe(seq, movement, source, over)
                places.owe(seq, movement, target, -cover)
            if followed and movement in followed:
                followed[movement].append(row)
        books.seq = size
        books.legs += legs
        books.acts += acts
