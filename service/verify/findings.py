"""What the auditor found, without drowning the first difference in those that follow from it."""

from collections import Counter, defaultdict
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
    """All differences are counted, and the first of each check are kept; of those of one account the first few.

    A key that has signed nothing of what it is said to have signed is one difference: it is another key.
    """

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self._good_keys: set[int] = set()
        self._doubts: defaultdict[int, list[Finding]] = defaultdict(list)
        self._unsigned: Counter[int] = Counter()
        self._shown: Counter[tuple[str, int | None]] = Counter()
        self._more: Counter[tuple[str, int | None]] = Counter()

    @property
    def total(self) -> int:
        """How many differences there are."""
        self._tell_of_keys()
        return len(self._kept) + self._more.total()

    def add(self, check: str, seq: int | None, message: str, accounts: Collection[int] = ()) -> None:
        """Note a difference, and of which accounts it speaks where one that is amiss makes many."""
        told = next((one for one in accounts if self._shown[check, one] == SHOWN_OF_AN_ACCOUNT), None)
        if told is None and self._shown[check, None] < SHOWN:
            self._kept.append(Finding(check, seq, message))
            self._shown.update((check, one) for one in (None, *accounts))
        else:
            self._more[check, told] += 1

    def doubt(self, key_id: int, check: str, seq: int | None, message: str) -> None:
        """Note what is amiss with something that a key is said to have signed."""
        self._doubts[key_id].append(Finding(check, seq, message))

    def judge(self, key_id: int, check: str, seq: int | None, message: str, *, is_signed: bool) -> None:
        """Note whether a key has signed what it is said to have signed."""
        if is_signed:
            self._good_keys.add(key_id)
        else:
            self._unsigned[key_id] += 1
            self.doubt(key_id, check, seq, message)

    def _tell_of_keys(self) -> None:
        for key_id, doubts in self._doubts.items():
            count = self._unsigned[key_id]
            if key_id in self._good_keys or count <= SHOWN_OF_AN_ACCOUNT:
                for one in doubts:
                    self.add(one.check, one.seq, one.message)
            else:
                self.add(
                    "signature", None, f"key {key_id} is not the one that signed: it fits none of {count} signatures"
                )
        self._doubts.clear()

    def all(self) -> list[Finding]:
        """Accounts first, which others follow from, then the first differences of each check in order of seq, at each the
        leaf first, and how many more there are."""
        self._tell_of_keys()
        more = [
            Finding(check, None, f"{count} more differences of this sort{f' at account {account}' if account else ''}")
            for (check, account), count in self._more.items()
        ]

        def place(finding: Finding) -> tuple[bool, bool, int, bool]:
            is_cause = finding.check == "account" and finding.seq is None
            return not is_cause, finding.seq is None, finding.seq or 0, finding.check != "leaf"

        return sorted(self._kept, key=place) + more
