"""A registry to weigh in: mines with quota, each with its scale, a plant that buys, contracts, and tickets on the road."""

import itertools
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid4

from service.db import Connection
from service.domain.codes.numbers import NUMBER_SPACE, make_number
from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.permissions import Actor, Role
from service.domain.tickets import Ticket
from service.domain.units import Kilograms, shanghai_year
from service.domain.weighings import Direction, Record
from service.ids import new_id, quick
from service.store.accounts import open_accounts
from service.store.ledger import Signer, append
from service.store.tickets import Issue, issue

COUNTY = "210381"
GRADE = "LM46"
NET_KG = 31_000
TARE_KG = 15_000
SCALES = 128
AT_ONCE = 5_000
BETWEEN_TRUCKS = timedelta(seconds=20)
"""So far apart do trucks pass one scale."""

SINCE = timedelta(days=9)
"""So long ago did the first pass: none is told too late, and none before it has passed (E12, W04)."""

WITHIN = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Scale:
    """A weighbridge at a mine, with the contract under which the mine sells."""

    station_id: UUID
    person_id: UUID
    mine_id: UUID
    seller_id: UUID
    contract_id: UUID

    @property
    def actor(self) -> Actor:
        """The device, signed in."""
        return Actor(self.person_id, Role.STATION, station_id=self.station_id)


@dataclass(slots=True)
class Province:
    """Scales in turn, each with its next sequence number and the time of its next truck."""

    scales: list[Scale]
    buyer_id: UUID
    gate_id: UUID
    opened_at: datetime
    first_plate: int
    planned: int = 0
    ready: deque[tuple[Scale, Record]] = field(default_factory=deque)

    async def plan(self, connection: Connection, count: int) -> None:
        """Have so many loads ready, with their tickets: what the source scales will say, scale after scale in turn."""
        while len(self.ready) < count:
            self.ready += await self._plan(connection, min(AT_ONCE, count - len(self.ready)))

    def take(self, count: int) -> list[tuple[Scale, Record]]:
        """The next loads of those that are ready."""
        return [self.ready.popleft() for _ in range(count)]

    async def _plan(self, connection: Connection, count: int) -> list[tuple[Scale, Record]]:
        places = range(self.planned, self.planned + count)
        self.planned += count
        scales = [self.scales[place % len(self.scales)] for place in places]
        times = [self.opened_at + place // len(self.scales) * BETWEEN_TRUCKS for place in places]
        ids = [new_id() for _ in places]
        loads = [
            AccountKey(AccountKind.LOAD, owner_id=s.seller_id, document_id=i) for s, i in zip(scales, ids, strict=True)
        ]
        quotas = [
            AccountKey(AccountKind.QUOTA, owner_id=s.mine_id, year=shanghai_year(at))
            for s, at in zip(scales, times, strict=True)
        ]
        accounts = await open_accounts(connection, {*loads, *quotas})
        issues = [
            Issue(
                Ticket(
                    id=ids[n],
                    number=make_number(random.randrange(NUMBER_SPACE)),
                    code=f"bench {place}",
                    contract_id=scales[n].contract_id,
                    slip_id=None,
                    seller_id=scales[n].seller_id,
                    buyer_id=self.buyer_id,
                    mine_id=scales[n].mine_id,
                    earmark=None,
                    plate=_plate(self.first_plate + place),
                    planned_kg=Kilograms(NET_KG),
                    grade=GRADE,
                    source_station_id=scales[n].station_id,
                    destination_station_id=self.gate_id,
                    valid_from=self.opened_at - WITHIN,
                    valid_until=self.opened_at + WITHIN,
                    account=accounts[loads[n]],
                    source_account=accounts[quotas[n]],
                ),
                scales[n].person_id,
                (),
                key_id=None,
            )
            for n, place in enumerate(places)
        ]
        await issue(connection, issues, at=self.opened_at)
        return [
            (
                scale,
                Record(
                    id=quick(uuid4()),
                    sequence=1 + place // len(self.scales),
                    ticket=one.ticket.number,
                    direction=Direction.OUT,
                    plate=one.ticket.plate,
                    gross_kg=TARE_KG + NET_KG,
                    tare_kg=TARE_KG,
                    grade=GRADE,
                    weighed_at=at,
                    manual=False,
                    manual_reason=None,
                    second_person=None,
                    tare_source="fresh",
                ),
            )
            for scale, one, at, place in zip(scales, issues, times, places, strict=True)
        ]


def body_of(record: Record) -> dict[str, Any]:
    """A record as a station sends it."""
    return {
        "id": str(record.id),
        "sequence": record.sequence,
        "ticket": record.ticket,
        "direction": record.direction.value,
        "plate": record.plate,
        "gross_kg": record.gross_kg,
        "tare_kg": record.tare_kg,
        "grade": record.grade,
        "weighed_at": record.weighed_at.isoformat(),
    }


_first_plates = itertools.count(0, 2_000_000)
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def _plate(place: int) -> str:
    hundred_thousands, rest = divmod(place, 100_000)
    city, province = divmod(hundred_thousands, len(_LETTERS))
    return f"{'辽吉黑冀'[city]}{_LETTERS[province]}{rest:05}"


async def found(
    owner: Connection, connection: Connection, *, mines: int, sign: Signer, scales: int = SCALES
) -> Province:
    """A province with so many mines, between which the scales are shared."""
    now = datetime.now(UTC)
    opened_at = now - SINCE
    plant, gate_id = new_id(), new_id()
    firms = [new_id() for _ in range(mines)]
    mine_ids = [new_id() for _ in range(mines)]
    contracts = [new_id() for _ in range(mines)]
    since, until = date(2020, 1, 1), date(2099, 12, 31)
    codes = _codes()
    await _fill(
        owner,
        "enterprise (id, credit_code, name, kinds, jurisdiction, created_at)",
        [(id_, next(codes), f"firm {id_}", ["mine"], COUNTY, now) for id_ in [*firms, plant]],
    )
    await _fill(
        owner,
        "mine (id, enterprise_id, name, jurisdiction, licence_number, licence_scale_kg, method, licence_valid_from,"
        " licence_valid_until, consolidated, environment_ok, safety_ok, created_at)",
        [
            (id_, firm, f"mine {id_}", COUNTY, next(codes), 10**12, "open", since, until, True, True, True, now)
            for id_, firm in zip(mine_ids, firms, strict=True)
        ],
    )
    years = sorted({shanghai_year(at) for at in (opened_at, now, opened_at + WITHIN)})
    await _fill(
        owner,
        "allotment (id, year, quarter, kind, from_jurisdiction, mine_id, kg, document_no, state, issued_on, created_at)",
        [
            (new_id(), year, 1, "base", COUNTY, mine, 10**12, "1", "published", since, now)
            for mine in mine_ids
            for year in years
        ],
    )
    await _fill(
        owner,
        "contract (id, number, seller_id, buyer_id, mine_id, signed_on, kg, grade, valid_until, due_on, state, proof_state,"
        " created_at)",
        [
            (id_, str(id_), firm, plant, mine, since, 10**13, GRADE, until, until, "filed", "none", now)
            for id_, firm, mine in zip(contracts, firms, mine_ids, strict=True)
        ],
    )
    bridges = [
        Scale(new_id(), new_id(), mine_ids[n % mines], firms[n % mines], contracts[n % mines]) for n in range(scales)
    ]
    stations = [(scale.station_id, f"scale {n}", COUNTY, scale.mine_id, None, now) for n, scale in enumerate(bridges)]
    await _fill(
        owner,
        "station (id, name, jurisdiction, mine_id, enterprise_id, created_at)",
        [*stations, (gate_id, "gate", COUNTY, None, plant, now)],
    )
    await _fill(
        owner,
        "person (id, username, password_hash, name, role, station_id, created_at)",
        [
            (scale.person_id, f"scale-{scale.person_id}", "none", "scale", "station", scale.station_id, now)
            for scale in bridges
        ],
    )
    for year in years:
        await grant(connection, mine_ids, year, sign=sign)
    return Province(bridges, plant, gate_id, opened_at, next(_first_plates))


async def grant(connection: Connection, mine_ids: list[UUID], year: int, *, sign: Signer) -> list[int]:
    """Give each mine more quota than it can let out; gives the accounts."""
    path = [
        AccountKey(AccountKind.ISSUE, jurisdiction="210000", year=year),
        *(AccountKey(AccountKind.POOL, jurisdiction=code, year=year) for code in ("210000", "210300", COUNTY)),
    ]
    quotas = [AccountKey(AccountKind.QUOTA, owner_id=mine, year=year) for mine in mine_ids]
    accounts = await open_accounts(connection, [*path, *quotas])
    at = datetime.now(UTC)
    whole, share = Kilograms(10**12 * len(mine_ids)), Kilograms(10**12)
    steps = [(source, target, whole) for source, target in pairwise(path)]
    steps += [(path[-1], quota, share) for quota in quotas]
    movements = [
        Movement(new_id(), new_id(), accounts[source], accounts[target], kg, at, bytes(32))
        for source, target, kg in steps
    ]
    await append(connection, movements, at=at, sign=sign)
    return [accounts[quota] for quota in quotas]


def _codes() -> Iterator[str]:
    return (f"{random.randrange(16**18):018X}" for _ in itertools.count())


async def _fill(owner: Connection, what: str, rows: list[tuple[Any, ...]]) -> None:
    columns = what[what.index("(") :]
    values = ", ".join(f"${n}" for n in range(1, columns.count(",") + 2))
    await owner.executemany(f"INSERT INTO {what} VALUES ({values})", rows)  # noqa: S608 - names of ours
