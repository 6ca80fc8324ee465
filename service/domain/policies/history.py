"""What was decided about the policy values, and from which day on."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any
from uuid import UUID

from service.domain.calendar import STANDARD, Calendar
from service.domain.permissions import area_of
from service.domain.policies.values import Bridge

NO_BRIDGES: Mapping[UUID, Bridge] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Changes:
    """One decision: a policy's value from a day on, for all or for one scope; null ends a scope's own value."""

    name: str
    scope: str
    value: object
    valid_from: date


class History:
    """All decisions in the order in which they were made, with the calendar, and the bridges of stations that they are about.

    Of two values of one policy and scope the one that is valid from the later day counts; of two from the same day the
    one decided later: so a slip of the pen is put right by deciding again.
    """

    def __init__(
        self,
        decisions: Iterable[Changes] = (),
        calendar: Calendar = STANDARD,
        bridges: Mapping[UUID, Bridge] = NO_BRIDGES,
    ) -> None:
        self.calendar = calendar
        self.bridges = bridges
        self._by: dict[tuple[str, str], list[Changes]] = {}
        for one in decisions:
            self._by.setdefault((one.name, one.scope), []).append(one)
        for told in self._by.values():
            told.sort(key=lambda one: one.valid_from)
        self._days = sorted({one.valid_from for told in self._by.values() for one in told})
        self.made: dict[tuple[int, str], Any] = {}

    def is_scoped(self, name: str) -> bool:
        """Whether a policy was ever decided for one scope alone."""
        return any(known == name and scope for known, scope in self._by)

    def segment(self, day: date) -> int:
        """A number that all days share between which nothing changes."""
        return bisect_right(self._days, day)

    def first_day(self, day: date) -> date:
        """The first of those days."""
        segment = self.segment(day)
        return self._days[segment - 1] if segment else date.min

    def values(self, day: date, scope: str) -> dict[str, Any]:
        """The decided values in force on a day, by name: the scope's own, or that of the next wider one."""
        found: dict[str, Any] = {}
        for wider in scopes_of(scope):
            for (name, own), told in self._by.items():
                if own == wider and name not in found:
                    place = bisect_right([one.valid_from for one in told], day)
                    if place and told[place - 1].value is not None:
                        found[name] = told[place - 1].value
        return found


def scopes_of(scope: str) -> list[str]:
    """A scope and those that are wider, the narrowest first: a county, its city, the province, all."""
    if not scope.isdecimal():
        return [scope, ""] if scope else [""]
    city, province = f"{scope[:4]}00", f"{scope[:2]}0000"
    return [*dict.fromkeys([scope, *([city] if len(area_of(scope)) == 6 else []), province]), ""]
