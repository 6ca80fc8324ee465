"""The fixed cast: offices, firms, stations and their people, the same in every test."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from uuid import UUID

import asyncpg

from service.auth import passwords
from service.domain.permissions import Actor, Role

PASSWORD = "the-kiln-is-warm-7"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def _id(number: int) -> UUID:
    return UUID(f"019b0000-0000-7000-8000-{number:012d}")


@dataclass(frozen=True, slots=True)
class Enterprise:
    """A firm of the cast."""

    id: UUID
    name: str
    credit_code: str
    kinds: tuple[str, ...]
    jurisdiction: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the cast; `username` signs in with PASSWORD."""

    id: UUID
    username: str
    name: str
    role: Role
    jurisdiction: str | None = None
    enterprise_id: UUID | None = None
    station_id: UUID | None = None

    @property
    def actor(self) -> Actor:
        """The person as actions take them."""
        return Actor(self.id, self.role, self.jurisdiction, self.enterprise_id, self.station_id)


PAIZHAI = Enterprise(_id(101), "海城排寨矿业有限公司", "91210381MA00000002", ("mine",), "210381")
PLANT_TWO = Enterprise(_id(102), "海城第二镁砂厂", "91210381MA00000015", ("processor",), "210381")
TRADER = Enterprise(_id(103), "辽南矿产贸易有限公司", "91210381MA00000028", ("trader",), "210381")
STRANGER = Enterprise(_id(104), "大石桥远山有限公司", "91210882MA0000003K", ("processor", "trader"), "210882")
ENTERPRISES = (PAIZHAI, PLANT_TWO, TRADER, STRANGER)

PAIZHAI_MINE = _id(201)
STRANGER_MINE = _id(202)
BRIDGE_7 = _id(301)  # Paizhai Mine's weighbridge
PLANT_TWO_GATE = _id(302)
STRANGER_GATE = _id(303)

PROVINCE = Person(_id(1), "province", "王处长", Role.PROVINCE, "210000")
AUDITOR = Person(_id(2), "auditor", "审计员", Role.AUDITOR, "210000")
ANSHAN = Person(_id(3), "anshan", "赵科长", Role.CITY, "210300")
LI = Person(_id(4), "officer-li", "李科员", Role.COUNTY, "210381")
YINGKOU = Person(_id(5), "yingkou", "外市科长", Role.CITY, "210800")
DASHIQIAO = Person(_id(6), "dashiqiao", "外县科员", Role.COUNTY, "210882")
PAIZHAI_CLERK = Person(_id(11), "paizhai", "排寨文员", Role.ENTERPRISE, enterprise_id=PAIZHAI.id)
PLANT_CLERK = Person(_id(12), "plant-two", "二厂文员", Role.ENTERPRISE, enterprise_id=PLANT_TWO.id)
TRADER_CLERK = Person(_id(13), "trader", "贸易文员", Role.ENTERPRISE, enterprise_id=TRADER.id)
STRANGER_CLERK = Person(_id(14), "stranger", "远山文员", Role.ENTERPRISE, enterprise_id=STRANGER.id)
BRIDGE_7_DEVICE = Person(_id(21), "bridge-7", "七号磅", Role.STATION, station_id=BRIDGE_7)
PLANT_TWO_DEVICE = Person(_id(22), "plant-two-gate", "二厂磅", Role.STATION, station_id=PLANT_TWO_GATE)
STRANGER_DEVICE = Person(_id(23), "stranger-gate", "远山磅", Role.STATION, station_id=STRANGER_GATE)
PEOPLE = (
    PROVINCE,
    AUDITOR,
    ANSHAN,
    LI,
    YINGKOU,
    DASHIQIAO,
    PAIZHAI_CLERK,
    PLANT_CLERK,
    TRADER_CLERK,
    STRANGER_CLERK,
    BRIDGE_7_DEVICE,
    PLANT_TWO_DEVICE,
    STRANGER_DEVICE,
)
MINES = (
    (PAIZHAI_MINE, PAIZHAI.id, "排寨矿", "210381", "C2100002011016120104001", 2_110_000_000),
    (STRANGER_MINE, STRANGER.id, "远山矿", "210882", "C2108002012026120105002", 500_000_000),
)
STATIONS = (
    (BRIDGE_7, "七号磅", "210381", PAIZHAI_MINE, None),
    (PLANT_TWO_GATE, "二厂门磅", "210381", None, PLANT_TWO.id),
    (STRANGER_GATE, "远山门磅", "210882", None, STRANGER.id),
)


@cache
def password_hash() -> str:
    """The cast's password, hashed once for the run."""
    return passwords.HASHER.hash(PASSWORD)


async def enter(connection: asyncpg.Connection) -> None:
    """Put the cast into an empty registry."""
    await connection.executemany(
        "INSERT INTO enterprise (id, credit_code, name, kinds, jurisdiction, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        [(firm.id, firm.credit_code, firm.name, firm.kinds, firm.jurisdiction, SINCE) for firm in ENTERPRISES],
    )
    await connection.executemany(
        "INSERT INTO mine (id, enterprise_id, name, jurisdiction, licence_number, licence_scale_kg, method,"
        " licence_valid_from, licence_valid_until, consolidated, environment_ok, safety_ok, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8, TRUE, TRUE, TRUE, $9)",
        [(*mine, date(2020, 1, 1), date(2035, 12, 31), SINCE) for mine in MINES],
    )
    await connection.executemany(
        "INSERT INTO station (id, name, jurisdiction, mine_id, enterprise_id, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        [(*station, SINCE) for station in STATIONS],
    )
    await connection.executemany(
        "INSERT INTO person (id, username, password_hash, name, role, jurisdiction, enterprise_id, station_id, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        [
            (
                person.id,
                person.username,
                password_hash(),
                person.name,
                person.role.value,
                person.jurisdiction,
                person.enterprise_id,
                person.station_id,
                SINCE,
            )
            for person in PEOPLE
        ],
    )


# What the house asks every route for, by the names of the routes' parameters; ids that are not here are of nobody.
OF_PAIZHAI: dict[str, object] = {
    "enterprise_id": PAIZHAI.id,
    "mine_id": PAIZHAI_MINE,
    "station_id": BRIDGE_7,
    "person_id": PAIZHAI_CLERK.id,
}
ASKED: dict[str, object] = {
    "year": 2026,
    "on": "2026-03-02",
    "quarter": 1,
    "county": "210381",
    "holder": PAIZHAI.id,
    "account": 1,
    "movement_id": _id(999),
    "from": 1,
    "to": 2,
    **OF_PAIZHAI,
}
NOBODYS = {"code", "name"}  # parameters that name no record of anybody: jurisdictions, policies
SECRETS_OF_PAIZHAI = (str(PAIZHAI.id), str(PAIZHAI_MINE), str(BRIDGE_7), PAIZHAI.name, PAIZHAI.credit_code, "排寨")
