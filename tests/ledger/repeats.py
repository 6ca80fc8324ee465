"""Random histories of what scales tell, much of it again: drawn, with what the oracle is told of them.

A repeat comes in the same batch or in a later one, after its record was corrected or taken back, or with another weight under the
same id; nothing changes, and it hears what its record heard first (E7, W04). Quota is granted and clawed back in between.
"""

from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from service.domain.weighings import (
    Direction,
    IdReused,
    ImpossibleWeight,
    NotCorrectable,
    NothingToCorrect,
    WeighingIsVoid,
)
from tests.ledger import deeds
from tests.ledger.oracle import Drawn

TICKETS = 5
POOL, QUOTA, LOT = "pool", "quota 1", "lot 1"


@dataclass(frozen=True)
class Tell:
    """A record as a scale tells it, for the first time or again; `number` names it for ever."""

    number: int
    ticket: int
    direction: Direction
    kg: int
    minute: int


@dataclass(frozen=True)
class Correct:
    number: int
    kg: int


@dataclass(frozen=True)
class TakeBack:
    number: int


@dataclass(frozen=True)
class Office:
    """An act of an office: past all records."""

    deed: deeds.Move | deeds.ClawBack


@dataclass(frozen=True)
class Step:
    """What is done, the refusal that it meets, and what the oracle is told of it."""

    do: Tell | Correct | TakeBack | Office
    is_again: bool = False
    refusal: type[Exception] | None = None
    deed: deeds.Deed | None = None


@dataclass(frozen=True)
class Book:
    """Steps in order, and after which of them a batch ends."""

    steps: list[Step]
    cuts: list[bool]


@dataclass
class Load:
    """A ticket as the pen knows it: its records that stand, and the movements that stand for them."""

    kg: int = 0
    out: tuple[Tell, int] | None = None
    come: tuple[Tell, int] | None = None
    is_back: bool = False


@dataclass
class Pen:
    """Writes a history: loads leave, arrive or come back in order, and of every record more is said."""

    draw: st.DrawFn
    steps: list[Step] = field(default_factory=list)
    told: list[Tell] = field(default_factory=list)
    loads: list[Load] = field(default_factory=lambda: [Load() for _ in range(TICKETS)])
    granted: list[int] = field(default_factory=list)
    weights: dict[int, int] = field(
        default_factory=dict
    )  # what is said of a record now; of one that was taken back nothing
    numbers: int = 0

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def any(self, most: int) -> int:
        return self.draw(st.integers(0, most - 1))

    def grant(self) -> None:
        kg = self.draw(st.integers(1, 20))
        drawn: list[Drawn] = [(self.number(), "issue", POOL, kg, None), (self.number(), POOL, QUOTA, kg, None)]
        self.granted.append(self.numbers)
        self.steps.append(Step(Office(move := deeds.Move(drawn)), deed=move))

    def claw_back(self) -> None:
        if self.granted:
            claw = deeds.ClawBack(self.granted[self.any(len(self.granted))], self.draw(st.integers(1, 20)))
            self.steps.append(Step(Office(claw), deed=claw))

    def tell(self) -> None:
        """The next record of a load."""
        ticket = self.any(TICKETS)
        load = self.loads[ticket]
        if load.is_back or load.come is not None:
            return
        if load.out is None:
            load.kg = self.draw(st.sampled_from([0, 0, *range(1, 13)]))
            direction = Direction.OUT
        else:
            direction = self.draw(st.sampled_from([Direction.IN, Direction.IN, Direction.BACK]))
        record = Tell(len(self.told), ticket, direction, load.kg, len(self.told))
        self.told.append(record)
        if not record.kg:
            self.steps.append(Step(record, refusal=ImpossibleWeight))
            return
        self.weights[record.number] = record.kg
        name = f"load {ticket}"
        if direction is Direction.OUT:
            load.out = record, self.number()
            deed: deeds.Deed = deeds.Move([(self.numbers, QUOTA, name, load.kg, None)])
        elif direction is Direction.IN:
            load.come = record, self.number()
            deed = deeds.Move([(self.numbers, name, LOT, load.kg, None)])
        else:
            load.is_back = True
            assert load.out is not None, "it had left"
            deed = deeds.GiveBack(load.out[1], load.kg)
        self.steps.append(Step(record, deed=deed))

    def again(self) -> None:
        """A record that was told before, the last one more often; now and then with another weight."""
        if self.told:
            record = self.told[-1 if self.draw(st.booleans()) else self.any(len(self.told))]
            if self.any(4):
                self.steps.append(Step(record, is_again=True, refusal=None if record.kg else ImpossibleWeight))
            else:
                other = replace(record, kg=record.kg + self.draw(st.integers(1, 5)))
                self.steps.append(Step(other, is_again=True, refusal=IdReused))

    def correct(self) -> None:
        """Another weight of what is still on the road; said twice, it changes nothing."""
        if not self.told:
            return
        record = self.told[self.any(len(self.told))]
        load, kg = self.loads[record.ticket], self.draw(st.integers(1, 16))
        now = self.weights.get(record.number)
        if refusal := self._refused(record):
            self.steps.append(Step(Correct(record.number, kg), refusal=refusal))
        elif kg == now:
            self.steps.append(Step(Correct(record.number, kg), refusal=NothingToCorrect))
        elif load.out is not None and load.out[0] is record and load.come is None and not load.is_back:
            old, new = load.out[1], self.number()
            load.out, load.kg = (record, new), kg
            self.weights[record.number] = kg
            deed = deeds.Replace(old, (new, QUOTA, f"load {record.ticket}", kg, None))
            self.steps.append(Step(Correct(record.number, kg), deed=deed))
            if self.draw(st.booleans()):
                self.steps.append(Step(Correct(record.number, kg), refusal=NothingToCorrect))

    def take_back(self) -> None:
        """The last record of a load; a second time there is nothing to take back."""
        if not self.told:
            return
        record = self.told[self.any(len(self.told))]
        load = self.loads[record.ticket]
        if refusal := self._refused(record):
            self.steps.append(Step(TakeBack(record.number), refusal=refusal))
            return
        if load.is_back:
            return
        if load.come is not None and load.come[0] is record:
            struck, load.come = load.come[1], None
        elif load.come is None and load.out is not None and load.out[0] is record:
            struck, load.out = load.out[1], None
        else:
            return
        del self.weights[record.number]
        self.steps.append(Step(TakeBack(record.number), deed=deeds.Void([struck])))
        if self.draw(st.booleans()):
            self.steps.append(Step(TakeBack(record.number), refusal=WeighingIsVoid))

    def _refused(self, record: Tell) -> type[Exception] | None:
        if not record.kg:
            return NotCorrectable
        return None if record.number in self.weights else WeighingIsVoid


@st.composite
def books(draw: st.DrawFn) -> Book:
    """What scales and offices do, in a lawful order, and what is told of it again."""
    pen = Pen(draw)
    for kind in draw(st.lists(st.sampled_from("ttttttaaaaccvgk"), min_size=10, max_size=40)):
        {"t": pen.tell, "a": pen.again, "c": pen.correct, "v": pen.take_back, "g": pen.grant, "k": pen.claw_back}[
            kind
        ]()
    cuts = draw(st.lists(st.booleans(), min_size=len(pen.steps), max_size=len(pen.steps)))
    return Book(pen.steps, cuts)
