"""What happens in the sample quarter: a plan drawn from a seed, the same on every machine."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from random import Random

from service.demo import cast
from service.demo.cast import Firm

SEED = 20_241_010  # the notice's day

MINED_LOADS = 16_900
BASE_SHARE = 10  # per cent of the licensed scale, each quarter (R10)
USUAL_LOAD_KG = 31_200
DAYS = 88
THIRST = 112  # per cent of its tranche that a thirsty mine ships


@dataclass(frozen=True, slots=True)
class Trade:
    """A contract between two firms and how it is filed; days count from the quarter's first."""

    number: str
    seller: Firm
    buyer: Firm
    day: int
    loads: int
    grade: str
    last_day: int
    seller_files_after: int | None = 0  # days after signing; None: never
    buyer_files_after: int | None = 3
    buyer_says_kg: int | None = None  # where it differs from the seller's figure
    carries_proof: bool = True
    pledges_again: bool = False  # pledges what another contract has pledged already

    @property
    def kg(self) -> int:
        """The tonnes that the contract names, a little more than is shipped."""
        return (self.loads + 2) * USUAL_LOAD_KG


@dataclass(frozen=True, slots=True)
class Load:
    """One truck's load on one day."""

    trade: Trade
    day: int
    minute: int  # of the day, when the source station weighs it
    minutes_on_the_road: int
    net_kg: int
    lost_kg: int
    mishap: str | None = None


@dataclass(frozen=True, slots=True)
class Truck:
    """A truck and what it weighs when it is empty."""

    plate: str
    tare_kg: int


@dataclass(frozen=True, slots=True)
class Slip:
    """Own ore handed over to the own plant."""

    number: str
    firm: Firm
    day: int
    kg: int
    grade: str


def quarter_before(today: date) -> tuple[int, int, date]:
    """Year, quarter and first day of the last quarter that is over."""
    this = (today.month - 1) // 3
    year, quarter = (today.year, this) if this else (today.year - 1, 4)
    return year, quarter, date(year, quarter * 3 - 2, 1)


class Story:
    """The plan: who sells what to whom, on which trucks, and what goes wrong."""

    def __init__(self, firms: list[Firm]) -> None:
        self.random = Random(SEED)  # noqa: S311 - a plan, no secret
        self.mines = [firm for firm in firms if firm.has_mine]
        self.plants = [firm for firm in firms if firm.kinds == ("processor",)]
        self.traders = [firm for firm in firms if firm.kinds == ("trader",)]
        self.near = self.traders[:4]  # buy from mines
        self.far = self.traders[4:]  # buy from traders only
        self.trucks = [self._truck(number) for number in range(900)]
        self.mined = list(self._mined())
        self.resold = list(self._resold())

    def base_kg(self, mine: Firm) -> int:
        """The base tranche of the quarter (R10)."""
        return mine.scale_kg * BASE_SHARE // 100

    def slips(self) -> Iterator[Slip]:
        """Own-plant hand-overs, one a week for each firm with a plant of its own."""
        for mine in self.mines:
            if "processor" in mine.kinds:
                for week in range(1, DAYS // 7):
                    kg = mine.scale_kg // 2_000 + self.random.randrange(20_000)
                    yield Slip(f"交接-{mine.credit_code[-4:]}-{week:02d}", mine, week * 7, kg, cast.GRADES[1])

    def loads(self, trade: Trade) -> Iterator[Load]:
        """The loads under a contract, spread over its days."""
        first = trade.day + 1
        span = max(1, trade.last_day - first)
        for number in range(trade.loads):
            net_kg = USUAL_LOAD_KG + self.random.randrange(-1_600, 1_400, 20)
            yield Load(
                trade=trade,
                day=first + number * span // trade.loads,
                minute=8 * 60 + 30 + self.random.randrange(480),
                minutes_on_the_road=50 + self.random.randrange(120),
                net_kg=net_kg,
                lost_kg=self.random.choice((0, 0, 20, 40, 60, 80, 120)),
                mishap=self._mishap(),
            )

    def trucks_of_a_day(self, count: int) -> list[Truck]:
        """Which trucks drive on a day: each at most once."""
        return self.random.sample(self.trucks, count)

    def _mined(self) -> Iterator[Trade]:
        total = sum(mine.scale_kg for mine in self.mines)
        for index, mine in enumerate(self.mines):
            loads = MINED_LOADS * mine.scale_kg // total
            if mine.mine and mine.mine.startswith((cast.THIRSTY_MINE, cast.COVERED_MINE)):
                loads = self.base_kg(mine) * THIRST // 100 // USUAL_LOAD_KG
            plants = self.random.sample(self.plants, 2)
            shares = [(plants[0], 45), (plants[1], 25), (self.near[index % len(self.near)], 30)]
            for number, (buyer, share) in enumerate(shares, 1):
                trade = Trade(
                    number=f"{mine.credit_code[-4:]}-{number:02d}",
                    seller=mine,
                    buyer=buyer,
                    day=0,
                    loads=loads * share // 100,
                    grade=self.random.choice(cast.GRADES),
                    last_day=DAYS - 3,
                )
                yield self._filed_badly(trade, index * 3 + number)

    def _filed_badly(self, trade: Trade, nth: int) -> Trade:
        """Most firms file in time; some late, some never, some with other figures."""
        if nth % 17 == 5:
            return replace(trade, buyer_files_after=19)
        if nth % 23 == 7:
            return replace(trade, buyer_files_after=None)
        if nth % 29 == 11:
            return replace(trade, buyer_says_kg=trade.kg - 500_000)
        return trade

    def _resold(self) -> Iterator[Trade]:
        """What traders sell on, in rounds: near traders to plants and to far traders, far traders to plants."""
        for round_number, day in enumerate((16, 30, 44, 58, 72)):
            for index, trader in enumerate(self.near):
                to_trader = (round_number + index) % 3 == 0
                buyer = self.random.choice(self.far if to_trader else self.plants)
                yield self._resale(trader, buyer, day, loads=150, number=f"R{round_number}{index}")
            if round_number:
                for index, trader in enumerate(self.far):
                    buyer = self.random.choice(self.plants[:6])  # back in Haicheng, whose office sees them
                    yield self._resale(trader, buyer, day, loads=90, number=f"D{round_number}{index}")
        careless = next(trader for trader in self.near if trader.name == cast.CARELESS_TRADER)
        yield self._resale(careless, self.plants[4], 46, loads=20, number="R9", pledges_again=True)
        yield self._resale(self.near[3], self.plants[7], 50, loads=6, number="R8", carries_proof=False)

    def _resale(
        self,
        seller: Firm,
        buyer: Firm,
        day: int,
        *,
        loads: int,
        number: str,
        carries_proof: bool = True,
        pledges_again: bool = False,
    ) -> Trade:
        return Trade(
            number=f"{seller.credit_code[-4:]}-{number}",
            seller=seller,
            buyer=buyer,
            day=day,
            loads=loads,
            grade=cast.GRADES[1],
            last_day=day + 13,
            carries_proof=carries_proof,
            pledges_again=pledges_again,
        )

    def _mishap(self) -> str | None:
        draw = self.random.randrange(4_000)
        names = ("another-plate", "heavy", "light-on-arrival", "cancelled", "never-arrives", "not-loaded")
        return names[draw] if draw < len(names) else None

    def _truck(self, number: int) -> Truck:
        letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
        plate = f"辽C{self.random.choice(letters)}{number:03d}{self.random.choice(letters)}"
        return Truck(plate, 14_400 + self.random.randrange(0, 1_600, 20))
