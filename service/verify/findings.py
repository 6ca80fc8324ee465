"""What the auditor found, without drowning the first difference in those that follow from it."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

SHOWN = 20  # of each check
SHOWN_OF_AN_ACCOUNT = 3


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
    """All differences are counted, and the first of each check are kept; of those of one account the first few."""

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self._shown: Counter[tuple[str, int | None]] = Counter()
        self._more: Counter[tuple[str, int | None]] = Counter()

    @property
    def total(self) -> int:
        """How many differences there are."""
        return len(self._kept) + self._more.total()

    def add(self, check: str, seq: int | None, message: str, accounts: Collection[int] = ()) -> None:
        """Note a difference, and of which accounts it speaks where one that is amiss makes many."""
        told = next((one for one in accounts if self._shown[check, one] == SHOWN_OF_AN_ACCOUNT), None)
        if told is None and self._shown[check, None] < SHOWN:
            self._kept.append(Finding(check, seq, message))
            self._shown.update((check, one) for one in (None, *accounts))
        else:
            self._more[check, told] += 1

    def all(self) -> list[Finding]:
        """Accounts first, which others follow from, then the first differences of each check in order of seq, at each the
        leaf first, and how many more there are."""
        more = [
            Finding(check, None, f"{count} more differences of this sort{f' at account {account}' if account else ''}")
            for (check, account), count in self._more.items()
        ]

        def place(finding: Finding) -> tuple[bool, bool, int, bool]:
            is_cause = finding.check == "account" and finding.seq is None
            return not is_cause, finding.seq is None, finding.seq or 0, finding.check != "leaf"

        return sorted(self._kept, key=place) + more
