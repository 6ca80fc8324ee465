"""An older oracle, of another way of thinking: heaps of kilograms and promises of them, where nothing has a place or a past.

An account is a heap in the order in which it came; what goes, goes from the front. Who has nothing left gives a promise in
the kilogram's stead, and others pile it up, hand it on and redeem with it as with any other. What comes to one who has
promised redeems the oldest promise of his that is open, wherever it lies by then. It knows issues, moves, shortages and
what covers them; it knows of nothing that is taken back.
"""

from collections import defaultdict, deque
from collections.abc import Collection
from dataclasses import dataclass

Origin = tuple[str, int | str | None]
"""How a kilogram came to be, and by which movement; of what is owed, who owes it."""

CIRCLE: Origin = ("circle", None)


@dataclass(eq=False, slots=True)
class Kilogram:
    """What is written on it, and which kilogram it stands for: a tranche for one of the pool's, a promise for what redeemed it."""

    written: Origin
    stands_for: "Kilogram | None" = None

    def origin(self, *, to_the_province: bool = False) -> Origin:
        """What is written on the last one that it stands for; promises that redeem each other in a circle have no last one."""
        passed = {"debt", "tranche"} if to_the_province else {"debt"}
        last = self
        while last.written[0] in passed and last.stands_for is not None:
            last = last.stands_for
            if last is self:
                return CIRCLE
        return last.written


class Queues:
    """Every account's heap and open promises, the oldest in front, and what each movement carried."""

    def __init__(self, springs: Collection[str], pools: Collection[str], quotas: Collection[str]) -> None:
        self.springs, self.pools, self.quotas = springs, pools, quotas
        self.heaps: dict[str, deque[Kilogram]] = defaultdict(deque)
        self.promised: dict[str, deque[Kilogram]] = defaultdict(deque)
        self.carried: dict[int, list[Kilogram]] = {}

    def move(self, movement: int, source: str, target: str, kg: int) -> tuple[int, int]:
        """Hand kilograms over, one after the other; how many of them were promised, and how many redeemed a promise."""
        gave, owed = len(self.promised[source]), len(self.promised[target])
        self.carried[movement] = [self._hand_over(movement, source, target) for _ in range(kg)]
        return len(self.promised[source]) - gave, owed - len(self.promised[target])

    def _hand_over(self, movement: int, source: str, target: str) -> Kilogram:
        kilogram = self._give(movement, source)
        if source in self.pools and target in self.quotas:
            kilogram = Kilogram(("tranche", movement), kilogram)
        if self.promised[target]:
            self.promised[target].popleft().stands_for = kilogram
        else:
            self.heaps[target].append(kilogram)
        return kilogram

    def _give(self, movement: int, source: str) -> Kilogram:
        if source in self.springs:
            return Kilogram((source, movement))
        if self.heaps[source]:
            return self.heaps[source].popleft()
        self.promised[source].append(Kilogram(("debt", source)))
        return self.promised[source][-1]
