"""What the auditor found, without drowning the first difference in those that follow from it."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

SHOWN = 20  # of each check
SHOWN_OF_AN_ACCOUNT = 3
KEYS_IN_DOUBT = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference: which check found it, at which seq (where it has one), and what differs."""

    check: str
    seq: int | None
    message: str

    def __str__(self) -> str:
        place = "" if self.seq is None else f" at seq {self.seq}"
        return f"{self.check}{place}: {self.message}"


@dataclass(slots=True)
class _Doubts:
    """What is amiss with what a key is said to have signed: the first of it, and how much more of each check."""

    unsigned: int = 0
    first: list[Finding] = field(default_factory=list)
    more: Counter[str] = field(default_factory=Counter)


class Findings:
    """All differences are counted, and the first of each check are kept; of those of one account the first few.

    A key that has signed nothing of what it is said to have signed is one difference: it is another key.
    """

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self._good_keys: set[int] = set()
        self._doubts: dict[int, _Doubts] = {}
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
        if key_id in self._good_keys or (key_id not in self._doubts and len(self._doubts) == KEYS_IN_DOUBT):
            self.add(check, seq, message)
            return
        doubts = self._doubts.setdefault(key_id, _Doubts())
        if len(doubts.first) < SHOWN:
            doubts.first.append(Finding(check, seq, message))
        else:
            doubts.more[check] += 1

    def judge(self, key_id: int, check: str, seq: int | None, message: str, *, is_signed: bool) -> None:
        """Note whether a key has signed what it is said to have signed."""
        if is_signed:
            self._good_keys.add(key_id)
            self._tell(self._doubts.pop(key_id, _Doubts()))
            return
        self.doubt(key_id, check, seq, message)
        if key_id in self._doubts:
            self._doubts[key_id].unsigned += 1

    def _tell_of_keys(self) -> None:
        for key_id, doubts in self._doubts.items():
            if doubts.unsigned <= SHOWN_OF_AN_ACCOUNT:
                self._tell(doubts)
            else:
                count = doubts.unsigned
                self.add(
                    "signature", None, f"key {key_id} is not the one that signed: it fits none of {count} signatures"
                )
        self._doubts.clear()

    def _tell(self, doubts: _Doubts) -> None:
        for one in doubts.first:
            self.add(one.check, one.seq, one.message)
        for check, count in doubts.more.items():
            self._more[check, None] += count

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
