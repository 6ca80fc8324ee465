"""Who may do what, and how far it reaches: one table of roles × actions."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID


class Role(StrEnum):
    """What a person acts as."""

    PROVINCE = "province"
    CITY = "city"
    COUNTY = "county"
    AUDITOR = "auditor"
    ENTERPRISE = "enterprise"
    STATION = "station"


OFFICES = (Role.PROVINCE, Role.CITY, Role.COUNTY)


class Reach(StrEnum):
    """How far a permission goes."""

    ALL = "all"  # everything
    AREA = "area"  # what lies in the office's jurisdiction
    PARTY = "party"  # the enterprise's own records and those where it is a party
    NAMED = "named"  # what names the station
    SELF = "self"  # the person's own


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who has signed in, with what the scope rules need to know of them."""

    person_id: UUID
    role: Role
    jurisdiction: str | None = None
    enterprise_id: UUID | None = None
    station_id: UUID | None = None

    @property
    def is_office(self) -> bool:
        """Province, city or county."""
        return self.role in OFFICES

    @property
    def reads_all(self) -> bool:
        """The province and the auditor see everything."""
        return self.role in (Role.PROVINCE, Role.AUDITOR)

    @property
    def area(self) -> str | None:
        """The leading digits that all codes of the office's area share; None for those who are no office."""
        return None if self.jurisdiction is None else area_of(self.jurisdiction)

    @property
    def seen_area(self) -> str | None:
        """The area to which an office's reading is limited; None for who reads everything, and for firms and stations."""
        return None if self.reads_all else self.area

    def covers(self, jurisdiction: str) -> bool:
        """Whether a jurisdiction lies in this office's area."""
        return self.area is not None and jurisdiction.startswith(self.area)

    @property
    def scope(self) -> str:
        """The enterprise, office or station on whose behalf the person acts: the scope of idempotency keys."""
        return str(self.enterprise_id or self.station_id or f"{self.role}:{self.jurisdiction}")


def area_of(jurisdiction: str) -> str:
    """The leading digits that a GB/T 2260 code shares with all codes below it: 21, 2103, 210381."""
    if jurisdiction.endswith("0000"):
        return jurisdiction[:2]
    return jurisdiction[:4] if jurisdiction.endswith("00") else jurisdiction


def _offices(reach: Reach = Reach.AREA) -> dict[Role, Reach]:
    return dict.fromkeys(OFFICES, reach)


_READ = {**_offices(), Role.PROVINCE: Reach.ALL, Role.AUDITOR: Reach.ALL}
_PARTIES_READ = {**_READ, Role.ENTERPRISE: Reach.PARTY}
_ALL_READ = {**_PARTIES_READ, Role.STATION: Reach.NAMED}
_EVERYBODY = dict.fromkeys(Role, Reach.SELF)

PERMISSIONS = MappingProxyType(
    {
        "me.read": _EVERYBODY,
        "me.change": _EVERYBODY,
        "people.read": {**_READ, Role.ENTERPRISE: Reach.PARTY},
        "people.create": {**_offices(), Role.ENTERPRISE: Reach.PARTY},
        "people.change": {**_offices(), Role.ENTERPRISE: Reach.PARTY},
        "registry.read": _ALL_READ,
        "registry.write": _offices(),
        "allotments.read": _PARTIES_READ,
        "allotments.create": _offices(),
        "allotments.step": _offices(),
        "quotas.read": _PARTIES_READ,
        "contracts.read": _PARTIES_READ,
        "contracts.file": {Role.ENTERPRISE: Reach.PARTY},
        "contracts.close": {Role.ENTERPRISE: Reach.PARTY, **_offices()},
        "attachments.read": _PARTIES_READ,
        "attachments.add": {Role.ENTERPRISE: Reach.PARTY, **_offices()},
        "slips.read": _PARTIES_READ,
        "slips.file": {Role.ENTERPRISE: Reach.PARTY},
        "runs.read": _PARTIES_READ,
        "runs.file": {Role.ENTERPRISE: Reach.PARTY},
        "stocktakes.read": _PARTIES_READ,
        "stocktakes.file": {Role.ENTERPRISE: Reach.PARTY},
        "stocktakes.decide": _offices(),
        "lots.read": _PARTIES_READ,
        "tickets.read": _ALL_READ,
        "tickets.issue": {Role.ENTERPRISE: Reach.PARTY},
        "tickets.cancel": {Role.ENTERPRISE: Reach.PARTY, **_offices()},
        "tickets.lose": {Role.ENTERPRISE: Reach.PARTY, **_offices()},
        "tickets.extend": {Role.ENTERPRISE: Reach.PARTY, **_offices()},
        "tickets.reissue": {Role.ENTERPRISE: Reach.PARTY, **_offices()},
        "tickets.redirect": {Role.ENTERPRISE: Reach.PARTY, **_offices()},
        "tickets.refuse_part": {Role.ENTERPRISE: Reach.PARTY, **_offices()},
        "tickets.split": {Role.ENTERPRISE: Reach.PARTY, **_offices()},
        "tickets.decide": _offices(),
        "tickets.check": _ALL_READ,
        "plates.read": _PARTIES_READ,
        "plates.watch": {Role.ENTERPRISE: Reach.PARTY},
        "plates.confirm": _offices(),
        "plates.end": {Role.ENTERPRISE: Reach.PARTY, **_offices()},
        "weighings.read": _ALL_READ,
        "weighings.settle": _offices(),
        "weighings.correct": {Role.STATION: Reach.NAMED, **_offices()},
        "weighings.record": {Role.STATION: Reach.NAMED},
        "devices.read": _ALL_READ,
        "devices.register": {Role.STATION: Reach.NAMED},
        "devices.approve": _offices(),
        "stations.read": _ALL_READ,
        "stations.pause": {Role.STATION: Reach.NAMED, **_offices()},
        "stations.beat": {Role.STATION: Reach.NAMED},
        "cameras.report": {Role.STATION: Reach.NAMED, **_offices()},
        "movements.read": _PARTIES_READ,
        "provenance.read": _PARTIES_READ,
        "investigations.read": _PARTIES_READ,
        "investigations.open": _offices(),
        "investigations.release": _offices(),
        "alerts.read": _PARTIES_READ,
        "alerts.settle": _offices(),
        "log.read": _ALL_READ,
        "policies.read": _ALL_READ,
        "policies.decide": {Role.PROVINCE: Reach.ALL},
        "tickets.retire_key": {Role.PROVINCE: Reach.ALL},
        "calendar.read": _ALL_READ,
        "calendar.enter": {Role.PROVINCE: Reach.ALL},
        "outages.read": _ALL_READ,
        "outages.declare": {Role.PROVINCE: Reach.ALL},
        "deadlines.read": _PARTIES_READ,
        "applications.read": _PARTIES_READ,
        "applications.file": {Role.ENTERPRISE: Reach.PARTY},
        "earmarks.read": _PARTIES_READ,
        "earmarks.permit": {Role.PROVINCE: Reach.ALL, Role.CITY: Reach.AREA},
        "cuts.read": _PARTIES_READ,
        "cuts.decide": {Role.PROVINCE: Reach.ALL, Role.CITY: Reach.AREA},
        "successions.read": _PARTIES_READ,
        "successions.decide": {Role.PROVINCE: Reach.ALL, Role.CITY: Reach.AREA},
        "closings.read": _READ,
        "closings.decide": {Role.PROVINCE: Reach.ALL},
        "submissions.read": _READ,
        "submissions.create": _offices(),
        "reports.read": _PARTIES_READ,
        "statistics.read": _READ,
        "reports.fill": {Role.ENTERPRISE: Reach.PARTY},
        "forms.read": _PARTIES_READ,
        "forms.fill": {Role.ENTERPRISE: Reach.PARTY},
        "samples.read": _READ,
        "samples.draw": {Role.PROVINCE: Reach.ALL, Role.CITY: Reach.AREA},
        "assessments.read": _PARTIES_READ,
        "assessments.fill": _offices(),
        "assessments.sign": _offices(),
        "assessments.veto": {Role.PROVINCE: Reach.ALL},
    }
)


def reach(actor: Actor, action: str) -> Reach | None:
    """How far the actor's permission for an action goes; None without one."""
    return PERMISSIONS[action].get(actor.role)


def knows_of(actor: Actor, action: str) -> bool:
    """Whether the actor may at least read what the action belongs to (else it is 404, not 403)."""
    return (
        f"{action.split('.', maxsplit=1)[0]}.read" in PERMISSIONS
        and reach(actor, f"{action.split('.', maxsplit=1)[0]}.read") is not None
    )
