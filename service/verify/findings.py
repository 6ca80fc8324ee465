"""What the auditor found, without drowning the first difference in those that follow from it."""

from collections import Counter
from dataclasses import dataclass

SHOWN = 20  # of each check


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference: which check found it, at which seq (where it has one), and what differs."""

    check: str
    seq: int | None
    message: str

    def __str__(self) -> str:
        place = "" if self.seq is None else f" at seq {self.seq}"
        return f"{self.check}{place}: {self.message}"


class Findings:
    """All differences are counted, and the first of each check are kept."""

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self._counts: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """How many differences there are."""
        return self._counts.total()

    def add(self, check: str, seq: int | None, message: str) -> None:
        """Note a difference."""
        self._counts[check] += 1
        if self._counts[check] <= SHOWN:
            self._kept.append(Finding(check, seq, message))

    def all(self) -> list[Finding]:
        """The first differences of each check in order of seq, at each the leaf first, and how many more there are."""
        more = [
            Finding(check, None, f"{count - SHOWN} more differences of this sort")
            for check, count in self._counts.items()
            if count > SHOWN
        ]

        def place(finding: Finding) -> tuple[bool, int, bool]:
            return finding.seq is None, finding.seq or 0, finding.check != "leaf"

        return sorted(self._kept, key=place) + more
