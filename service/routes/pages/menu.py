"""The menu: which pages there are, in sections, and whose they are."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from service.domain.permissions import Actor, Role, reach


def _(message: str) -> str:
    """Marks a message for the catalogue; it is translated where it is shown."""
    return message


@dataclass(frozen=True, slots=True)
class Place:
    """A page of the menu: its address, its name, who may read it, and for which kinds of firms it is of use."""

    href: str
    label: str
    action: str
    kinds: frozenset[str] = frozenset()
    also: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        """Whether an address is this page's or that of one below it."""
        return any(path == root or (root != "/" and path.startswith(f"{root}/")) for root in (self.href, *self.also))


@dataclass(frozen=True, slots=True)
class Section:
    """Pages that one piece of work needs side by side."""

    label: str
    places: tuple[Place, ...]

    @property
    def href(self) -> str:
        """Where the section begins."""
        return self.places[0].href

    def holds(self, path: str) -> bool:
        """Whether an address belongs to the section."""
        return any(place.holds(path) for place in self.places)


MINING: Final = frozenset({"mine"})
PLANTS: Final = frozenset({"processor"})
MENU: Final = (
    Section(_("Overview"), (Place("/", _("Overview"), "quotas.read", also=("/mines",)),)),
    Section(_("Registry"), (Place("/registry", _("Registry"), "registry.read"),)),
    Section(
        _("Quota"),
        (
            Place("/allotments", _("Allotments"), "allotments.read"),
            Place("/published", _("Published allotments"), "allotments.read"),
            Place("/policies", _("Policy values"), "policies.read"),
        ),
    ),
    Section(
        _("Filing"),
        (
            Place("/contracts", _("Contracts"), "contracts.read"),
            Place("/slips", _("Handover slips"), "slips.read"),
            Place("/bulk/contracts", _("File a sheet"), "contracts.file", also=("/bulk",)),
        ),
    ),
    Section(
        _("Transport"),
        (
            Place("/tickets", _("Tickets"), "tickets.read"),
            Place("/stations", _("Weighing stations"), "stations.read", also=("/weighings",)),
            Place("/devices", _("Devices of stations"), "devices.approve"),
            Place("/plates", _("Plates"), "plates.read"),
        ),
    ),
    Section(
        _("Ore and processing"),
        (
            Place("/lots", _("Lots"), "lots.read"),
            Place("/compositions", _("Where an area's ore comes from"), "statistics.read"),
            Place("/runs", _("Production runs"), "runs.read", PLANTS),
            Place("/stocktakes", _("Stocktakes"), "stocktakes.read"),
        ),
    ),
    Section(
        _("Reports"),
        (
            Place("/forms", _("Production forms"), "forms.read", MINING),
            Place("/statistics", _("County statistics"), "statistics.read"),
            Place("/ledgers", _("Ledgers of mines"), "reports.read", MINING),
            Place("/assessments", _("Scoring sheets"), "assessments.read", MINING),
            Place("/samples", _("Samples"), "samples.read"),
            Place("/submissions", _("Reports of the year"), "submissions.read"),
        ),
    ),
    Section(_("Deadlines"), (Place("/deadlines", _("Deadlines"), "deadlines.read"),)),
    Section(
        _("Alerts"),
        (
            Place("/alerts", _("Alerts"), "alerts.read"),
            Place("/investigations", _("Investigations"), "investigations.read"),
        ),
    ),
)


def menu_of(actor: Actor | None, kinds: Collection[str] | None) -> list[Section]:
    """The sections and pages that somebody may use; `kinds` are those of the firm, None where they are not known."""
    if actor is None:
        return []
    mine = [Section(one.label, tuple(place for place in one.places if _is_for(place, actor, kinds))) for one in MENU]
    return [section for section in mine if section.places]


def _is_for(place: Place, actor: Actor, kinds: Collection[str] | None) -> bool:
    if reach(actor, place.action) is None:
        return False
    return actor.role is not Role.ENTERPRISE or not place.kinds or kinds is None or bool(place.kinds & set(kinds))
