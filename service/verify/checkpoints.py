"""The tree over all leaves, window by window, and the signed roots against it."""

from service.verify.books import Books, Layout, Signed, Window
from service.verify.findings import Findings
from service.verify.leaves import KEPT_LEVELS, Answer, fold, join


class Tree:
    """Grows by what was read of each window, in their order."""

    def __init__(self, books: Books, findings: Findings, layout: Layout) -> None:
        self._books = books
        self._findings = findings
        self._layout = layout
        self._act = 0

    def grow(self, window: Window, answer: Answer) -> None:
        """Take in a window's leaves, and hold its checkpoints against them."""
        wrong, edge, kept, roots, are_signed = answer
        books = self._books
        for seq, source, target in wrong:
            accounts = [source, target] if target else [source]  # a hole has one
            self._findings.add("leaf", seq, "the entry is not what its leaf says", accounts)
        before = tuple(books.edge)
        stamped = iter(zip(roots, are_signed, strict=True))
        for signed in window.signed:
            act = self._act_at(window, signed.size)
            if act is None:
                self._findings.add("checkpoint", signed.size, "a checkpoint over entries that are not there")
                continue
            root, is_signed = next(stamped)
            self._check(signed, act, fold([*before, root]), is_signed=is_signed)
        books.kept[KEPT_LEVELS] += kept
        index = window.lo
        for level, node in edge:
            self._add(node, level, index >> level)
            index += 1 << level

    def standing(self, window: Window) -> list[Signed]:
        """The checkpoints of a window that have their entries."""
        return [signed for signed in window.signed if self._act_at(window, signed.size) is not None]

    def _act_at(self, window: Window, size: int) -> int | None:
        """The act of the entry that a checkpoint ends with; None where it is not there."""
        row = self._layout.row
        at = (size - window.lo - 1) * row.size
        if not 0 <= at < len(window.entries) or size > window.lo + window.due:
            return None
        act: int = row.unpack_from(window.entries, at)[1]
        return act

    def _add(self, node: bytes, level: int, index: int) -> None:
        edge = self._books.edge
        while index & 1 and edge:
            node = join(edge.pop(), node)
            index >>= 1
            level += 1
            if level % KEPT_LEVELS == 0:
                self._books.kept[level] += node
        edge.append(node)

    def _check(self, signed: Signed, act: int, root: bytes, *, is_signed: bool) -> None:
        books, findings, size = self._books, self._findings, signed.size
        books.checkpoints += 1
        if signed.root != root:
            findings.add("root", size, "the root is not that of the leaves so far")
        if signed.act != act or act == self._act:
            findings.add("checkpoint", size, f"it stands for act {signed.act}, not for the end of act {act}")
        if books.recorded_at and signed.recorded_at < books.recorded_at:
            findings.add("checkpoint", size, "the book's time went back")
        books.recorded_at = signed.recorded_at
        self._act = act
        message = f"key {signed.key_id} did not sign this checkpoint"
        findings.judge(signed.key_id, "signature", size, message, is_signed=is_signed)
