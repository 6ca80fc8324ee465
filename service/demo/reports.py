"""What plants, mines and offices write down of the sample quarter: runs, a stocktake, scoring sheets, forms, statistics."""

from collections.abc import Iterator
from datetime import datetime

from service.actions.assessments import draw, enter, sign
from service.actions.deadlines import report
from service.actions.reports import add_reserve, draw_form, fill_form, sign_form
from service.actions.runs import file_run
from service.actions.stocktakes import file_stocktake
from service.demo import cast
from service.demo.play import Deed, Part, Play
from service.domain.assessments import Entry, Side
from service.domain.deadlines import Duty
from service.domain.reports import Reserve, ReserveKind
from service.domain.runs import Input, Output, OutputKind, Run
from service.domain.stocktakes import Stocktake
from service.domain.units import Kilograms, shanghai_day
from service.store import ledger, lots
from service.store.sentences import sentences

SQL = sentences("demo")

SHEETS_DAY, RUNS_DAY, STOCKTAKE_DAY, FORMS_DAY, STATISTICS_DAY = 78, 84, 86, 93, 94
PLUS = ((1, 5), (2, 5), (4, 5), (7, 12), (8, 20), (9, 6))
PRODUCTS = {"flotation": "菱镁精矿", "light_burnt": "轻烧氧化镁", "dead_burnt": "重烧镁砂", "fused": "电熔镁砂"}
FINEST_KG = 120_000


def reports_of(play: Play) -> Iterator[tuple[int, int, Deed]]:
    """What is written down: on which day, at which minute, and the deed."""
    parts = list(play.parts.values())
    mines = [part for part in parts if part.mine_id and part.firm.jurisdiction == cast.HAICHENG]
    plants = [part for part in parts if not part.mine_id and "processor" in part.firm.kinds]
    for place, part in enumerate(mines[:4]):
        yield SHEETS_DAY, 9 * 60 + place, _sheet(play, part, is_signed=place < 3)
    for place, part in enumerate(plants[:6]):
        yield RUNS_DAY, 10 * 60 + place, _run(play, part, place)
    yield STOCKTAKE_DAY, 11 * 60, _stocktake(play, plants[0])
    for place, part in enumerate(mines[:3]):
        yield FORMS_DAY, 9 * 60 + place, _form(play, part, is_signed=place < 2)
    yield STATISTICS_DAY, 15 * 60, _statistics(play)


def _sheet(play: Play, part: Part, *, is_signed: bool) -> Deed:
    async def fill(at: datetime) -> None:
        assert part.mine_id
        county = play.offices[part.firm.jurisdiction]
        async with play.database.transaction() as connection:
            sheet, _ = await draw(connection, part.mine_id, play.year, play.quarter, at=at, actor=county)
            entries = [Entry(Side.PLUS, number, points, None) for number, points in PLUS]
            await enter(connection, sheet, entries, at=at, actor=county)
            if is_signed:
                number = f"海镁评〔{play.year}〕{play.quarter}号"
                await sign(connection, sheet, play.policies, document_no=number, at=at, actor=county)

    return fill


def _run(play: Play, part: Part, place: int) -> Deed:
    async def run(at: datetime) -> None:
        async with play.database.transaction() as connection:
            line = await connection.fetchrow(SQL["line"], part.id)
            held = list(await lots.list_lots(connection, holder=part.id, limit=2, actor=part.clerk))
            balances = await ledger.balances(connection, [lot["account"] for lot in held])
            taken = tuple(
                Input(lot["id"], Kilograms(min(FINEST_KG, balances[lot["account"]].stock_kg // 2)))
                for lot in held
                if balances[lot["account"]].stock_kg > FINEST_KG
            )
            if line is None or not taken:
                return
            in_kg = sum(part.kg for part in taken)
            made_kg = Kilograms(in_kg * 10 // 22)
            rest = (
                Output(OutputKind.TAILINGS, "尾矿", Kilograms(in_kg - made_kg - in_kg // 100))
                if line["kind"] == "flotation"
                else Output(OutputKind.BY_PRODUCT, "除尘粉", Kilograms(made_kg // 50))
            )
            filed = Run(
                f"JG-{play.year}-{place + 1:03}",
                part.id,
                line["id"],
                shanghai_day(at),
                taken,
                (Output(OutputKind.PRODUCT, PRODUCTS[line["kind"]], made_kg), rest),
            )
            await file_run(connection, filed, at=at, sign=play.sign, policies=play.policies, actor=part.clerk)

    return run


def _stocktake(play: Play, part: Part) -> Deed:
    async def count(at: datetime) -> None:
        async with play.database.transaction() as connection:
            held = await lots.list_lots(connection, holder=part.id, limit=20, actor=part.clerk)
            lot = next(one for one in held if one["contract_id"])
            book_kg = (await ledger.balances(connection, [lot["account"]]))[lot["account"]].stock_kg
            counted = Stocktake(lot["id"], Kilograms(book_kg * 995 // 1000), shanghai_day(at), "堆场雨水冲刷", "PD-03")
            await file_stocktake(connection, counted, at=at, actor=part.clerk)

    return count


def _form(play: Play, part: Part, *, is_signed: bool) -> Deed:
    async def fill(at: datetime) -> None:
        assert part.mine_id
        async with play.database.transaction() as connection:
            form, _ = await draw_form(connection, part.mine_id, play.year, play.quarter, at=at, actor=part.clerk)
            mined_kg = part.firm.scale_kg // 10
            said = {"mined_kg": mined_kg, "opening_stock_kg": 2_000_000, "closing_stock_kg": 1_500_000, "note": None}
            await fill_form(connection, form, said, at=at, actor=part.clerk)
            if is_signed:
                await sign_form(connection, form, at=at, actor=part.clerk)
            surveyed = Reserve(
                ReserveKind.SURVEYED,
                Kilograms(part.firm.scale_kg * 20),
                play.first,
                f"储核〔{play.year}〕{part.firm.mine}",
            )
            await add_reserve(connection, part.mine_id, surveyed, at=at, actor=part.clerk)

    return fill


def _statistics(play: Play) -> Deed:
    async def send(at: datetime) -> None:
        number, office = f"岫镁统〔{play.year}〕{play.quarter}号", play.offices[cast.XIUYAN]
        async with play.database.transaction() as connection:
            await report(
                connection, Duty.STATISTICS, cast.XIUYAN, play.year, play.quarter, play.policies,
                document_no=number, figures={}, at=at, actor=office,
            )  # fmt: skip

    return send
