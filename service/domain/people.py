"""Who may be given a sign-in, by whom, and for which place."""

import re
import unicodedata
from dataclasses import dataclass
from uuid import UUID

from service.domain.codes.texts import Malformed
from service.domain.permissions import Actor, Role, area_of
from service.domain.refusals import NotAllowed, NotFound, OutsideYourArea, RoleDoesNotFitPlace

LEVELS = {Role.PROVINCE: 0, Role.AUDITOR: 0, Role.CITY: 1, Role.COUNTY: 2}
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200
FEWEST_CHARACTERS = 4
USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,31}")


@dataclass(frozen=True, slots=True)
class Place:
    """For whom a person acts: an office's jurisdiction, an enterprise or a station; and where that lies."""

    role: Role
    jurisdiction: str
    enterprise_id: UUID | None = None
    station_id: UUID | None = None

    @property
    def is_office(self) -> bool:
        """An office of the administration, the auditor's included."""
        return self.role in LEVELS


def normal_username(text: str) -> str | None:
    """A username as it is kept: lower case, 3 to 32 of a–z, 0–9 and . _ -; None if it cannot be one."""
    username = unicodedata.normalize("NFKC", text).strip().lower()
    return username if USERNAME.fullmatch(username) else None


def normal_password(text: str) -> str:
    """A password as it is hashed: two keyboards may compose the same character in two ways."""
    return unicodedata.normalize("NFKC", text)


def check_password(password: str, username: str) -> None:
    """Raises Malformed for a text that this person cannot have as a password."""
    normal = normal_password(password)
    if len(normal) < SHORTEST_PASSWORD:
        raise Malformed(
            "password-too-short",
            f"密码至少 {SHORTEST_PASSWORD} 个字符",
            f"a password has at least {SHORTEST_PASSWORD} characters",
        )
    if len(normal) > LONGEST_PASSWORD:
        raise Malformed(
            "password-too-long",
            f"密码至多 {LONGEST_PASSWORD} 个字符",
            f"a password has at most {LONGEST_PASSWORD} characters",
        )
    if len(set(normal)) < FEWEST_CHARACTERS or username in normal.lower():
        raise Malformed(
            "password-too-easy",
            f"密码过于简单：不得包含用户名，且至少有 {FEWEST_CHARACTERS} 种不同字符",
            f"too easy: without the username in it, and with at least {FEWEST_CHARACTERS} different characters",
        )


def level_of(jurisdiction: str) -> int:
    """0 for the province, 1 for a city, 2 for a county, by the code's own digits."""
    return {2: 0, 4: 1, 6: 2}[len(area_of(jurisdiction))]


def check_place(place: Place) -> None:
    """Raises RoleDoesNotFitPlace when an officer's role is not of their jurisdiction's level."""
    if place.is_office and level_of(place.jurisdiction) != LEVELS[place.role]:
        raise RoleDoesNotFitPlace(role=place.role, jurisdiction=place.jurisdiction)


def check_reach(actor: Actor, place: Place) -> None:
    """An office reaches its own level and below in its own area, an enterprise its own clerks.

    Raises NotFound for what the actor may not know of, NotAllowed and OutsideYourArea for what is not theirs to do.
    """
    if actor.enterprise_id:
        if place.role is not Role.ENTERPRISE:
            raise NotAllowed
        if place.enterprise_id != actor.enterprise_id:
            raise NotFound
        return
    if not actor.is_office:
        raise NotAllowed
    if not actor.covers(place.jurisdiction):
        # The codes of jurisdictions are public; which firms and stations there are is not.
        raise OutsideYourArea(jurisdiction=place.jurisdiction) if place.is_office else NotFound


def sees(actor: Actor, place: Place) -> bool:
    """Whether the actor may know of a person of this place."""
    if actor.enterprise_id:
        return place.enterprise_id == actor.enterprise_id
    return actor.reads_all or actor.covers(place.jurisdiction)
