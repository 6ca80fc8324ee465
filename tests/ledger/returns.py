"""Loads of a trader's lots that are refused or come back, while the trader sells out of these lots (W10)."""

from collections.abc import Sequence
from datetime import timedelta

from service.actions.tickets import refuse_part
from service.domain.policies import DEFAULTS
from service.domain.units import Kilograms
from service.domain.weighings import Direction
from service.keys import Purpose
from tests import cast
from tests.ledger.stories import WHY, Step, Teller, World

MINE, PLANT, TRADER = 0, 1, 2
STILL = 285
"""Nothing comes into the lots, or back, longer ago than so many minutes, but what they were pledged with."""


class Trade(Teller):
    """Makes the stories of what comes into the lots and goes out of them, at any time of five hours."""

    def trade(self, names: Sequence[str]) -> None:
        """All loads of two lots, and the sales out of them.

        Of the first lot's stock some is on the road, and nothing more has come, when it is refused: not all lies there.
        """
        early, late, sales = names[0], names[4], names[8:]
        self.stocked(early, self.rng.randrange(STILL + 5, 310))
        self.stocked(late)
        for name in (*names[1:4], *names[5:8]):
            self.bought(name)
        self.sold(sales[0], self.rng.randrange(320, 340))
        for name in sales[1:]:
            self.sold(name)

    def stocked(self, name: str, minutes: int | None = None) -> None:
        """The load with which a lot was pledged: nearly all of it is refused, when much of it may have been sold."""
        minutes = minutes or self.rng.randrange(10, 250)
        backs = [self.tell(name, MINE, Direction.BACK, 28_990, minutes - 5)]
        self._refuse_at(name, [], backs, 29_000, minutes)

    def bought(self, name: str) -> None:
        """A load that comes into a lot: a part of it is refused, or comes back without a word, or all stays."""
        rng, minutes = self.rng, self.rng.randrange(60, STILL)
        out_kg = rng.randrange(28_000, 33_000)
        out = self.tell(name, MINE, Direction.OUT, out_kg, minutes + 20)
        ins = [self.tell(name, TRADER, Direction.IN, out_kg - rng.randrange(-100, 300), minutes)]
        if rng.random() < 0.3:
            ins.append(self.tell(name, TRADER, Direction.IN, out_kg - 500, minutes - 30))
        self._sent_back(name, out, ins, MINE, minutes)

    def sold(self, name: str, minutes: int | None = None) -> None:
        """A load that goes out of the lots to the plant; that may send some of it back, too, or it turns round on the road."""
        rng = self.rng
        minutes = minutes or rng.randrange(60, 300)
        out_kg = rng.randrange(15_000, 33_000)
        outs = [self.tell(name, TRADER, Direction.OUT, out_kg, minutes)]
        if rng.random() < 0.3:
            outs.append(self.tell(name, TRADER, Direction.OUT, out_kg - 3_000, minutes + rng.randrange(-60, 60)))
            if rng.random() < 0.5:
                self._void(outs[1], outs)
        if rng.random() < 0.4:
            self._turned_round(name, out_kg, minutes)
        else:
            ins = [self.tell(name, PLANT, Direction.IN, out_kg - rng.randrange(-100, 300), minutes - 20)]
            self._sent_back(name, outs[0], ins, TRADER, minutes - 20)
        if rng.random() < 0.4:
            self._correct(outs[0], out_kg + rng.randrange(-9_000, 9_000))

    def _turned_round(self, name: str, out_kg: int, minutes: int) -> None:
        rng = self.rng
        back = self.tell(name, TRADER, Direction.BACK, out_kg, min(STILL, minutes - rng.randrange(5, minutes)))
        if rng.random() < 0.3:
            self.tell(name, PLANT, Direction.BACK, out_kg - 2_000, min(STILL, minutes - rng.randrange(5, minutes)))
        if rng.random() < 0.2:
            self._void(back, [back])

    def _sent_back(self, name: str, out: Step, ins: list[Step], scale: int, minutes: int) -> None:
        rng = self.rng
        how = rng.choice(["refused", "refused", "refused-all", "back", ""])
        later = min(STILL, minutes - rng.randrange(-1, minutes))
        backs = []
        if how == "back" or (how and rng.random() < 0.6):
            back_kg = rng.randrange(3_000, 34_000)
            backs = [self.tell(name, scale, Direction.BACK, back_kg, min(minutes, later) - 1)]
            if rng.random() < 0.3:
                backs.append(self.tell(name, PLANT, Direction.BACK, back_kg, rng.randrange(1, min(minutes, later) + 1)))
        if how.startswith("refused"):
            kg = 27_500 if how == "refused-all" and scale == MINE else rng.randrange(3_000, 14_000)
            self._refuse_at(name, [[out], ins], backs, kg, later)

    def _refuse_at(self, name: str, after: list[list[Step]], backs: list[Step], kg: int, minutes: int) -> None:
        async def refuse(world: World) -> None:
            sign, at = world.keys.current(Purpose.LEDGER), world.at - timedelta(minutes=minutes, microseconds=kg)
            await refuse_part(
                world.connection, world.tickets[name][0], Kilograms(kg), WHY, at=at, sign=sign, policies=DEFAULTS,
                actor=cast.LI.actor,
            )  # fmt: skip

        self.deed(name, refuse, after, backs, self.at - timedelta(minutes=minutes, microseconds=kg))
