"""Papers under suspicion: held by an authority with a reason until a day, and free again by themselves (E57)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from service.domain.refusals import Refusal
from service.domain.units import shanghai_day

MOST_DAYS = 183
"""For how long one act may hold a paper; whoever needs longer says so anew, with a reason."""


class Held(StrEnum):
    """What can be held."""

    CONTRACT = "contract"
    LOT = "lot"


class UnderInvestigation(Refusal):
    """This is held for an investigation by `authority` until `ends_on`: ask them; nothing is changed about it meanwhile."""

    title = "该合同或矿石批正在接受调查（立案机关：authority，止于 ends_on），其间不得办理；请联系该机关"
    rule = "E57"


class InvestigatedAlready(Refusal):
    """This is under investigation already: release that one first, or wait for its end."""

    title = "该合同或矿石批已在调查中；请先解除或待其期满"
    rule = "E57"


class InvestigationTooLong(Refusal):
    """An investigation ends today at the earliest and on `latest` at the latest; afterwards it can be ordered anew."""

    title = "调查截止日须在今天至 latest 之间；期满可重新决定"
    rule = "E57"


class InvestigationEnded(Refusal):
    """This investigation has ended already."""

    title = "该调查已结束"
    rule = "E57"


@dataclass(frozen=True, slots=True)
class Investigation:
    """Who holds what, why, and until which day."""

    kind: Held
    subject_id: UUID
    authority: str
    reason: str
    document_no: str
    ends_on: date


def check_length(investigation: Investigation, at: datetime) -> None:
    """Refuse an investigation that has ended before it begins, or that would never end."""
    today = shanghai_day(at)
    latest = date.fromordinal(today.toordinal() + MOST_DAYS)
    if not today <= investigation.ends_on <= latest:
        raise InvestigationTooLong(latest=latest)


def check_free(asked: Collection[UUID], held: Mapping[UUID, Investigation]) -> None:
    """Refuse what would change a paper that is held: UnderInvestigation."""
    for subject_id in asked:
        if (found := held.get(subject_id)) is not None:
            raise UnderInvestigation(
                subject_kind=found.kind,
                subject_id=str(subject_id),
                authority=found.authority,
                document_no=found.document_no,
                ends_on=found.ends_on,
            )
