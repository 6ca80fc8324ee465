"""What becomes of places that are not simply next, and what accounts owe between acts."""

from collections.abc import Sequence
from uuid import UUID

from service.verify.books import BOUNDARY, QUOTA, Books, Episode, Row
from service.verify.columns import Spans, Struck
from service.verify.findings import Findings

IN, OUT = 0, 1
CUT = 0
JUMP = 1
COLUMN = ("in", "out")
BEHIND = (2, 1)  # a leg's flags by column


class Places:
    """The slow half of the replay: entries that need to be looked at place by place, and acts as a whole."""

    def __init__(self, books: Books, findings: Findings, cut: set[bytes]) -> None:
        self.act = 0
        self.is_quiet = True  # nothing of the act has to be looked at when it ends
        self.followed: dict[bytes, list[Row]] = {movement: [] for movement in cut}
        self._books = books
        self._columns = books.columns
        self._findings = findings
        self._jumps: dict[tuple[int, int, int], tuple[int, int]] = {}
        self._struck_out: dict[tuple[bytes, int, int, int], int] = {}
        self._owed: dict[int, int] = {}
        self._causes: dict[int, list[tuple[int, bytes, int]]] = {}
        self._open: dict[int, Episode] = {}

    def begin_act(self, seq: int, act: int) -> None:
        """Close the books of the last act."""
        self.end_act()
        if act != self.act + 1:
            self._findings.add("act", seq, f"act {act} follows act {self.act}")
        self.act = act

    def end_act(self) -> None:
        """Between acts nothing hangs in the air, and the overdraws are what is owed."""
        for (account, column, lo), (hi, seq) in self._jumps.items():
            self._findings.add("place", seq, f"nothing follows the jump over [{lo}, {hi}) {COLUMN[column]} {account}")
        for (_, account, lo, hi), seq in self._struck_out.items():
            self._findings.add("cut", seq, f"[{lo}, {hi}) is struck out of {account}, and nowhere in")
        self._jumps.clear()
        self._struck_out.clear()
        for account, causes in self._causes.items():
            self._move_episode(account, causes)
        self._causes.clear()
        self.is_quiet = True

    def note_evidence(self, seq: int, over: int, cover: int, short: int, paid: int) -> None:
        """Note a leg whose over and cover are not what the places say: how much was short, how much of a debt was paid."""
        self._findings.add("evidence", seq, f"over {over} and cover {cover} kg, but it comes to {short} and {paid}")

    def end_book(self) -> None:
        """Close the last act: over less cover, with what cuts made and ended, is what went out and did not come in."""
        self.end_act()
        columns, debts = self._columns, self._books.debts
        uneven = {id_ for id_, (come, gone) in enumerate(zip(columns.ins, columns.outs, strict=True)) if come < gone}
        for account in sorted(uneven | columns.struck.keys() | debts.keys()):
            if self._books.sorts[account] == BOUNDARY:
                continue
            if account in columns.struck:
                owed = sum(hi - lo for lo, hi in columns.stock_and_debt(account)[1])
            else:
                owed = max(0, columns.outs[account] - columns.ins[account])
            if owed != debts.get(account, 0):
                says = debts.get(account, 0)
                self._findings.add("debt", None, f"account {account} owes {owed} kg, its entries say {says}")

    def owe(self, seq: int, movement: bytes, account: int, kg: int) -> None:
        """Add to what an account owes."""
        if kg:
            self._books.debts[account] += kg
            if self._books.sorts[account] == QUOTA:
                self._causes.setdefault(account, []).append((seq, movement, kg))
                self.is_quiet = False

    def _move_episode(self, account: int, causes: Sequence[tuple[int, bytes, int]]) -> None:
        debt_kg, episode = self._books.debts[account], self._open.get(account)
        made = [cause for cause in causes if cause[2] > 0]
        paid = [cause for cause in causes if cause[2] < 0]
        if episode is None and made and debt_kg > 0:
            seq, movement, _ = made[0]
            episode = Episode(account, self.act, seq, UUID(bytes=movement), debt_kg, debt_kg)
            self._open[account] = episode
            self._books.episodes.append(episode)
        elif episode is None:
            return
        else:
            episode.debt_kg = debt_kg
            episode.peak_kg = max(episode.peak_kg, debt_kg)
            if paid and debt_kg == 0:
                episode.closed_seq, movement, _ = paid[-1]
                episode.closed_act, episode.covered_by = self.act, UUID(bytes=movement)
                del self._open[account]
        self._books.owing[account].append(causes[-1][0])

    def leg(self, row: Row) -> None:
        """A leg that stands in places left free, or whose account has such, or that is none that the service writes."""
        seq, _, _, source, lo, kg, target, target_lo, target_kg, over, cover, flags = row
        columns, sorts = self._columns, self._books.sorts
        if not 0 < target_kg <= kg:
            self._findings.add("mass", seq, f"{target_kg} kg come of {kg} kg")
        short = 0 if sorts[source] == BOUNDARY else kg - columns.has_come(source, lo, lo + kg)
        paid = 0 if sorts[target] == BOUNDARY else columns.has_gone(target, target_lo, target_lo + target_kg)
        if over != short or cover != paid:
            self.note_evidence(seq, over, cover, short, paid)
        if sorts[source] != BOUNDARY:
            self._oldest_first(seq, source, lo, lo + kg)
        self._write(seq, source, OUT, lo, lo + kg, flags)
        self._write(seq, target, IN, target_lo, target_lo + target_kg, flags)
        self._note_loose(source)
        self._note_loose(target)

    def _oldest_first(self, seq: int, account: int, lo: int, hi: int) -> None:
        columns = self._columns
        stock, _ = columns.stock_and_debt(account)
        top = max(columns.ins[account], columns.outs[account])
        if (stock and lo != stock[0][0]) or (not stock and lo < top):
            self._findings.add("place", seq, f"[{lo}, {hi}) out of {account} is not the oldest stock")

    def _write(self, seq: int, account: int, column: int, lo: int, hi: int, flags: int) -> None:
        ends = self._columns.outs if column == OUT else self._columns.ins
        if flags & BEHIND[column]:
            struck = self._struck(account, column)
            if hi > ends[account] or struck.overlap(lo, hi) != hi - lo:
                self._findings.add("place", seq, f"[{lo}, {hi}) {COLUMN[column]} {account} was not free")
            struck.remove(lo, hi)
            return
        jump = self._jumps.pop((account, column, ends[account]), None)
        if jump and jump[0] == lo:
            self._struck(account, column).add(ends[account], lo)
        elif lo != ends[account]:
            self._findings.add("place", seq, f"[{lo}, {hi}) {COLUMN[column]} {account} does not follow {ends[account]}")
        ends[account] = hi

    def hole(self, row: Row) -> None:
        """A jump over dead places, or one side of a cut."""
        seq, _, movement, account, lo, hi, _, column, kind, debt_kg, _, _ = row
        columns = self._columns
        self.is_quiet = False
        if kind == JUMP:
            self._jumps[account, column, lo] = hi, seq
            if debt_kg:
                self._findings.add("evidence", seq, "a jump makes no debt")
            return

        is_boundary = self._books.sorts[account] == BOUNDARY
        come, gone = columns.has_come(account, lo, hi), columns.has_gone(account, lo, hi)
        if (gone if column == OUT else come) != hi - lo:
            self._findings.add("place", seq, f"[{lo}, {hi}) {COLUMN[column]} {account} did not stand and is struck")
        meant = 0 if is_boundary else (hi - lo - come if column == OUT else gone)
        if debt_kg != meant:
            self._findings.add("evidence", seq, f"debt {debt_kg} kg, but it comes to {meant}")
        self._struck(account, column).add(lo, hi)
        self.owe(seq, movement, account, -debt_kg if column == OUT else debt_kg)
        self._note_loose(account)
        if column == OUT:
            self._struck_out[movement, account, lo, hi] = seq
        else:
            self._pair(seq, movement, account, lo, hi)

    def _pair(self, seq: int, movement: bytes, account: int, lo: int, hi: int) -> None:
        """A cut strikes the same kilograms of a leg on both its ends."""
        for leg in reversed(self.followed[movement]):
            _, _, _, source, source_lo, source_kg, target, target_lo, target_kg, _, _, _ = leg
            if target != account or not target_lo <= lo < hi <= target_lo + target_kg:
                continue
            if source_kg == target_kg:
                source_lo, source_kg = source_lo + lo - target_lo, hi - lo
            if self._struck_out.pop((movement, source, source_lo, source_lo + source_kg), None):
                return
        self._findings.add("cut", seq, f"[{lo}, {hi}) is struck in {account}, and not where it came from")

    def _struck(self, account: int, column: int) -> Spans:
        struck = self._columns.struck.setdefault(account, Struck())
        return struck.outs if column == OUT else struck.ins

    def _note_loose(self, account: int) -> None:
        if self._books.sorts[account] != BOUNDARY and self._columns.needs_places(account):
            self._books.loose.add(account)
        else:
            self._books.loose.discard(account)
