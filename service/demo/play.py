"""The sample quarter, played through the same actions as the API, each at its own moment of the past."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions import contracts, slips
from service.actions.allotments import create_allotment, take_step
from service.actions.people import add_first_person, create_person
from service.actions.registry import register
from service.actions.sweeps import sweep
from service.actions.tickets import Order, cancel_ticket, issue_tickets
from service.actions.weighings import Sent, weigh_all
from service.db import Database
from service.demo import cast
from service.demo.cast import Firm
from service.demo.story import USUAL_LOAD_KG, Load, Slip, Story, Trade, Truck, quarter_before
from service.domain import filings
from service.domain.allotments import Draft, Kind, Step
from service.domain.filings import Terms
from service.domain.permissions import Actor, Role
from service.domain.policies import Policies
from service.domain.proofs import Named
from service.domain.tickets import Wish
from service.domain.units import SHANGHAI, Kilograms
from service.domain.weighings import Direction, Record
from service.keys import KeyRing, Purpose
from service.store import ledger, lots, pledges, tickets
from service.store.sentences import sentences
from service.store.tables import EnterpriseRow, Entry, LineRow, MineRow, StationRow

SQL = sentences("demo")
BATCH = 300
PREPARED = -20  # the day on which the quarter's tranches are issued
LATE_TRANCHE_DAY = 80
LOTS_OF_A_PROOF = 4  # from how many lots, and so from how many mines, a trader sells at once


Deed = Callable[[datetime], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Part:
    """A firm as the registry knows it, with the people who act for it."""

    firm: Firm
    id: UUID
    mine_id: UUID | None
    station_id: UUID
    clerk: Actor
    device: Actor


class Play:
    """One performance: registers the cast, allots the quota, then goes through the quarter day by day."""

    def __init__(self, database: Database, keys: KeyRing, policies: Policies, today: date) -> None:
        self.database = database
        self.keys = keys
        self.policies = policies
        self.sign = keys.current(Purpose.LEDGER)
        self.year, self.quarter, self.first = quarter_before(today)
        self.firms = cast.firms()
        self.story = Story(self.firms)
        self.parts: dict[Firm, Part] = {}
        self.offices: dict[str, Actor] = {}
        self.contracts: dict[Trade, UUID] = {}
        self.proofs: dict[str, tuple[Named, ...]] = {}
        self.sequences: defaultdict[UUID, int] = defaultdict(int)
        self.agenda: defaultdict[int, list[tuple[int, Deed]]] = defaultdict(list)
        self.driving: defaultdict[int, list[Load]] = defaultdict(list)

    async def perform(
        self,
        password_hash: str,
        reports: Callable[["Play"], Iterable[tuple[int, int, Deed]]],
        told: Callable[[int, int], None],
    ) -> None:
        """Play it all, with what is written down of it; `told` is called with the days played and the days in all."""
        await self._register(password_hash, self._moment(PREPARED - 30, 9 * 60))
        await self._allot(self._moment(PREPARED, 9 * 60))
        for trade in (*self.story.mined, *self.story.resold):
            self._plan(trade)
        for slip in self.story.slips():
            self.agenda[slip.day].append((17 * 60, self._handing(slip)))
        covered = next(firm for firm in self.firms if firm.mine and firm.mine.startswith(cast.COVERED_MINE))
        self.agenda[LATE_TRANCHE_DAY].append((10 * 60, self._rewarding(covered)))

        for day, minute, deed in reports(self):
            self.agenda[day].append((minute, deed))

        last = max(*self.agenda, *self.driving, 92)
        for day in range(last + 1):
            await self._play_day(day)
            told(day + 1, last + 1)

    async def _play_day(self, day: int) -> None:
        for minute, deed in sorted(self.agenda.pop(day, []), key=lambda entry: entry[0]):
            await deed(self._moment(day, minute))
        await self._drive(day)
        async with self.database.transaction() as connection:
            await sweep(connection, self.policies, at=self._moment(day, 23 * 60))

    def _moment(self, day: int, minute: int) -> datetime:
        return datetime.combine(self.first, time(), SHANGHAI).astimezone(UTC) + timedelta(days=day, minutes=minute)

    def _date(self, day: int) -> date:
        return self.first + timedelta(days=day)

    # Who there is

    async def _register(self, password_hash: str, at: datetime) -> None:
        async with self.database.transaction() as connection:
            await add_first_person(connection, password_hash, at=at)
            province_id: UUID = await connection.fetchval(SQL["person"], "province")
        province = Actor(province_id, Role.PROVINCE, cast.LIAONING)
        self.offices[cast.LIAONING] = province
        offices = (
            ("anshan", "鞍山市镁办", Role.CITY, cast.ANSHAN),
            ("haicheng", "海城市镁办", Role.COUNTY, cast.HAICHENG),
            ("xiuyan", "岫岩县镁办", Role.COUNTY, cast.XIUYAN),
            ("auditor", "省级审计", Role.AUDITOR, cast.LIAONING),
        )
        for username, name, role, code in offices:
            self.offices.setdefault(
                code, await self._person(username, name, role, password_hash, at, province, jurisdiction=code)
            )
        for number, firm in enumerate(self.firms, 1):
            self.parts[firm] = await self._enter(firm, number, password_hash, at, province)

    async def _enter(self, firm: Firm, number: int, password_hash: str, at: datetime, office: Actor) -> Part:
        def entry(row: type[Entry], **fields: Any) -> Entry:
            return row(id=uuid7(), created_at=at, **fields)

        enterprise = entry(
            EnterpriseRow,
            credit_code=firm.credit_code,
            name=firm.name,
            kinds=list(firm.kinds),
            jurisdiction=firm.jurisdiction,
        )
        entries = [enterprise]
        mine_id = None
        if firm.has_mine:
            mine = entry(
                MineRow,
                enterprise_id=enterprise.id,
                name=firm.mine,
                jurisdiction=firm.jurisdiction,
                method=firm.method,
                licence_number=f"C{firm.jurisdiction}2015066{number:06d}",
                licence_scale_kg=firm.scale_kg,
                licence_valid_from=date(self.year - 6, 6, 1),
                licence_valid_until=date(self.year + 9, 5, 31),
                consolidated=True,
                environment_ok=True,
                safety_ok=True,
                operating="lawful",
            )
            entries.append(mine)
            mine_id = mine.id
        station = entry(
            StationRow,
            name=f"{firm.mine or firm.name[:6]}{'源头' if mine_id else '终点'}计量站",
            jurisdiction=firm.jurisdiction,
            mine_id=mine_id,
            enterprise_id=None if mine_id else enterprise.id,
        )
        entries.append(station)
        if "processor" in firm.kinds:
            entries.append(
                entry(
                    LineRow,
                    enterprise_id=enterprise.id,
                    name="一号线",
                    kind=("flotation", "light_burnt", "dead_burnt", "fused")[number % 4],
                    kiln=(None, "reverberatory", "shaft", "electric")[number % 4],
                    status="running",
                    ore_per_product=Decimal("2.2"),
                )
            )
        async with self.database.sessions() as session, session.begin():
            for row in entries:
                await register(session, row, place=firm.jurisdiction, at=at, actor=office)
        kind = "mine" if firm.has_mine else "plant" if "processor" in firm.kinds else "trader"
        clerk = await self._person(
            f"{kind}-{number:02d}",
            f"{firm.name}文员",
            Role.ENTERPRISE,
            password_hash,
            at,
            office,
            enterprise_id=enterprise.id,
        )
        device = await self._person(
            f"station-{number:02d}", "计量站", Role.STATION, password_hash, at, office, station_id=station.id
        )
        return Part(firm, enterprise.id, mine_id, station.id, clerk, device)

    async def _person(
        self, username: str, name: str, role: Role, password_hash: str, at: datetime, actor: Actor, **place: Any
    ) -> Actor:
        async with self.database.sessions() as session, session.begin():
            person = await create_person(session, username, password_hash, name, role, **place, at=at, actor=actor)
        return Actor(person.id, role, person.jurisdiction, person.enterprise_id, person.station_id)

    # What they may mine

    async def _allot(self, at: datetime) -> None:
        day = self._date(PREPARED)
        province, city = self.offices[cast.LIAONING], self.offices[cast.ANSHAN]
        total = {code: sum(firm.scale_kg for firm in self.firms if firm.jurisdiction == code) for code in _COUNTIES}
        chain = (
            (province, None, cast.ANSHAN, sum(total.values()) * 3 // 4, f"辽镁办〔{self.year}〕1号"),
            (city, cast.ANSHAN, cast.HAICHENG, total[cast.HAICHENG] * 7 // 10, f"鞍镁办〔{self.year}〕3号"),
            (city, cast.ANSHAN, cast.XIUYAN, total[cast.XIUYAN] * 7 // 10, f"鞍镁办〔{self.year}〕4号"),
        )
        for office, source, target, kg, document_no in chain:
            draft = Draft(self.year, None, Kind.TOTAL, source, Kilograms(kg), document_no, day, to_jurisdiction=target)
            await self._issue(office, draft, at)
        for part in self.parts.values():
            if part.firm.has_mine:
                await self._give(part, Kind.BASE, self.story.base_kg(part.firm), at, reason=None)

    async def _give(self, part: Part, kind: Kind, kg: int, at: datetime, *, reason: str | None) -> None:
        """A mine's tranche: proposed and approved by the city, issued and published by the county (R14)."""
        day = at.astimezone(SHANGHAI).date()
        city, county = self.offices[cast.ANSHAN], self.offices[part.firm.jurisdiction]
        draft = Draft(
            year=self.year,
            quarter=self.quarter,
            kind=kind,
            source=part.firm.jurisdiction,
            kg=Kilograms(kg),
            document_no=f"鞍镁办〔{self.year}〕{self.quarter + 4}号",
            issued_on=day,
            mine_id=part.mine_id,
            reason=reason,
        )
        approval = await self._issue(city, draft, at, issue=False)
        for step in (Step.CONSULT, Step.APPROVE):
            await self._step(city, approval, step, at)
        place = "海" if part.firm.jurisdiction == cast.HAICHENG else "岫"
        own = replace(draft, document_no=f"{place}镁办〔{self.year}〕{self.quarter + 10}号", approved_by=approval)
        issued = await self._issue(county, own, at)
        await self._step(county, issued, Step.PUBLISH, at)

    async def _issue(self, office: Actor, draft: Draft, at: datetime, *, issue: bool = True) -> UUID:
        async with self.database.transaction() as connection:
            return await create_allotment(
                connection, draft, self.policies, issue=issue, at=at, sign=self.sign, actor=office
            )

    async def _step(self, office: Actor, allotment_id: UUID, step: Step, at: datetime) -> None:
        day = at.astimezone(SHANGHAI).date()
        async with self.database.transaction() as connection:
            await take_step(connection, allotment_id, step, day, self.policies, at=at, sign=self.sign, actor=office)

    def _rewarding(self, firm: Firm) -> Deed:
        async def reward(at: datetime) -> None:
            kg = self.story.base_kg(firm) // 4
            await self._give(self.parts[firm], Kind.REWARD, kg, at, reason="综合市场需求与产业链贡献度")

        return reward

    # What they file

    def _plan(self, trade: Trade) -> None:
        """Put a contract's two filings, and its loads, into the agenda."""
        if trade.seller_files_after is not None:
            self.agenda[trade.day + trade.seller_files_after].append((9 * 60, self._filing(trade, trade.seller)))
        if trade.buyer_files_after is not None:
            self.agenda[trade.day + trade.buyer_files_after].append((15 * 60, self._filing(trade, trade.buyer)))

    def _filing(self, trade: Trade, firm: Firm) -> Deed:
        async def file(at: datetime) -> None:
            if trade not in self.contracts:
                loads = trade.loads if trade.seller.has_mine else await self._secure_origin(trade)
                for load in self.story.loads(replace(trade, loads=loads)):
                    self.driving[load.day].append(replace(load, trade=trade))
            seller, buyer = self.parts[trade.seller], self.parts[trade.buyer]
            differs = firm is trade.buyer and trade.buyer_says_kg is not None
            terms = Terms(
                seller_id=seller.id,
                buyer_id=buyer.id,
                signed_on=self._date(trade.day),
                kg=Kilograms(trade.buyer_says_kg if differs and trade.buyer_says_kg else trade.kg),
                grade=trade.grade,
                valid_until=self._date(trade.last_day + 20),
                mine_id=seller.mine_id,
                proof=self.proofs.get(trade.number),
            )
            async with self.database.transaction() as connection:
                order = contracts.Order(self.parts[firm].clerk, trade.number, terms)
                self.contracts[trade] = await contracts.file_contract(connection, order, at=at)

        return file

    async def _secure_origin(self, trade: Trade) -> int:
        """Choose the lots that a trader's proof names; gives how many loads they bear."""
        if not trade.carries_proof:
            return trade.loads
        part = self.parts[trade.seller]
        wanted_kg = trade.kg
        chosen: list[Named] = []
        async with self.database.transaction(readonly=True) as connection:
            rows = list(reversed(await lots.list_lots(connection, holder=part.id, limit=500, actor=part.clerk)))
            balances = await ledger.balances(connection, [row["account"] for row in rows])
            pledged = await pledges.pledged_of(connection, [row["id"] for row in rows])
        free = {
            row["id"]: balances[row["account"]].stock_kg - (0 if trade.pledges_again else pledged[row["id"]])
            for row in rows
        }
        share_kg = wanted_kg // LOTS_OF_A_PROOF
        for lot_id, free_kg in free.items():
            kg = min(free_kg, share_kg, wanted_kg)
            if kg > USUAL_LOAD_KG:
                chosen.append(Named(lot_id, Kilograms(kg)))
                wanted_kg -= kg
        if chosen:
            self.proofs[trade.number] = tuple(chosen)
        return max(1, sum(named.kg for named in chosen) // USUAL_LOAD_KG - 2)

    def _handing(self, slip: Slip) -> Deed:
        async def hand_over(at: datetime) -> None:
            part = self.parts[slip.firm]
            assert part.mine_id is not None, "slips are of firms with a mine"
            told = filings.Slip(
                enterprise_id=part.id,
                number=slip.number,
                mine_id=part.mine_id,
                handed_on=self._date(slip.day),
                kg=Kilograms(slip.kg),
                grade=slip.grade,
            )
            async with self.database.transaction() as connection:
                order = slips.Order(part.clerk, told)
                await slips.file_slip(connection, order, at=at, sign=self.sign, policies=self.policies)

        return hand_over

    # What they drive

    async def _drive(self, day: int) -> None:
        """A day's tickets, then what the scales say about them, in order of time."""
        loads = self.driving.pop(day, [])
        if not loads:
            return
        trucks = self.story.trucks_of_a_day(len(loads))
        numbers = await self._issue_tickets(loads, trucks, day)
        records: list[tuple[datetime, Sent]] = []
        for load, truck, number in zip(loads, trucks, numbers, strict=True):
            records += self._weighings(load, truck, number)
        records.sort(key=lambda record: record[0])
        for start in range(0, len(records), BATCH):
            batch = records[start : start + BATCH]
            async with self.database.steady_transaction() as connection:
                await weigh_all(
                    connection,
                    [self._numbered(sent) for _, sent in batch],
                    at=batch[-1][0] + timedelta(seconds=5),
                    sign=self.sign,
                    policies=self.policies,
                )

    async def _issue_tickets(self, loads: Sequence[Load], trucks: Sequence[Truck], day: int) -> list[str]:
        at = self._moment(day, 8 * 60)
        orders = [
            Order(
                self.parts[load.trade.seller].clerk,
                Wish(
                    contract_id=self.contracts[load.trade],
                    slip_id=None,
                    plate=truck.plate,
                    planned_kg=Kilograms(USUAL_LOAD_KG),
                    grade=load.trade.grade,
                    source_station_id=self.parts[load.trade.seller].station_id,
                    destination_station_id=self.parts[load.trade.buyer].station_id,
                    valid_from=at,
                    valid_until=at + timedelta(hours=20),
                ),
            )
            for load, truck in zip(loads, trucks, strict=True)
        ]
        async with self.database.transaction() as connection:
            answers = await issue_tickets(connection, orders, at=at, keys=self.keys, policies=self.policies)
            issued = [answer for answer in answers if isinstance(answer, UUID)]
            assert len(issued) == len(orders), [answer for answer in answers if not isinstance(answer, UUID)]
            rows = await tickets.list_tickets(connection, None, ids=issued, limit=len(issued))
        numbers = {row["id"]: row["number"] for row in rows}
        for load, ticket_id in zip(loads, issued, strict=True):
            if load.mishap == "cancelled":
                async with self.database.transaction() as connection:
                    await cancel_ticket(
                        connection, ticket_id, "车辆故障", at=at, actor=self.parts[load.trade.seller].clerk
                    )
        return [numbers[ticket_id] for ticket_id in issued]

    def _weighings(self, load: Load, truck: Truck, number: str) -> list[tuple[datetime, Sent]]:
        if load.mishap in ("cancelled", "not-loaded"):
            return []
        seller, buyer = self.parts[load.trade.seller], self.parts[load.trade.buyer]
        net_kg = load.net_kg + (19_000 if load.mishap == "heavy" else 0)
        arrived_kg = net_kg - (700 if load.mishap == "light-on-arrival" else load.lost_kg)
        seen = replace(truck, plate="辽H88888") if load.mishap == "another-plate" else truck
        out_at = self._moment(load.day, load.minute)
        in_at = out_at + timedelta(minutes=load.minutes_on_the_road)
        told = [(out_at, self._sent(seller, Direction.OUT, load, seen, number, net_kg, out_at))]
        if load.mishap != "never-arrives":
            told.append((in_at, self._sent(buyer, Direction.IN, load, truck, number, arrived_kg, in_at)))
        return told

    def _sent(
        self, part: Part, direction: Direction, load: Load, truck: Truck, number: str, net_kg: int, at: datetime
    ) -> Sent:
        record = Record(
            id=UUID(int=self.story.random.getrandbits(128), version=4),
            sequence=0,
            ticket=number,
            direction=direction,
            plate=truck.plate,
            gross_kg=truck.tare_kg + net_kg,
            tare_kg=truck.tare_kg,
            grade=load.trade.grade,
            weighed_at=at,
            manual=False,
            manual_reason=None,
            second_person=None,
            tare_source="fresh",
        )
        return Sent(part.station_id, part.device.person_id, timedelta(), record)

    def _numbered(self, sent: Sent) -> Sent:
        """The record with its place in its station's book."""
        self.sequences[sent.station_id] += 1
        return replace(sent, record=replace(sent.record, sequence=self.sequences[sent.station_id]))


_COUNTIES = (cast.HAICHENG, cast.XIUYAN)
