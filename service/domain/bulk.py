"""Filing many at once (§10): what becomes of each row, and which rows go back."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from service.domain.refusals import NotFound, Refusal
from service.domain.sheets import CellFault


class NumberTwice(Refusal):
    """This number stands in an earlier row (`row`) with other contents; a number is used once, so correct one of the two."""

    title = "同一编号已在前面的行（row）出现且内容不同；编号只能使用一次，请更正其中一行"
    rule = "R22"


class NoSuchFaultyRows(NotFound):
    """These rows are kept for a day and are not here any more; send the sheet again, which does nothing twice."""

    title = "有问题的行只保存一天，现已不在；请重新上传原表格（不会重复填报）"


class UnknownPaper(NotFound):
    """You have filed no contract or slip of this number; file it first, or correct the number."""

    title = "本企业没有该编号的合同或交接单；请先备案，或更正编号"
    rule = "W01"


class StationUnclear(NotFound):
    """No station of that firm has this name, or two have; correct the name, or send JSON with the station's id."""

    title = "该企业没有此名称的计量站，或有多个同名；请更正名称，或以 JSON 填写计量站标识"
    rule = "W01"


class RowStatus(StrEnum):
    """What became of a row."""

    DONE = "done"
    UNCHANGED = "unchanged"  # it was done before
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What became of one row, and what to do about it."""

    row: int  # as the sheet counts: the head is row 1
    status: RowStatus
    id: UUID | None = None
    refusal: Refusal | None = None
    faults: tuple[CellFault, ...] = ()

    @property
    def what_to_do(self) -> str:
        """The refusal or the faults in both languages; each says what to do."""
        if self.refusal is not None:
            return f"{self.refusal.title} / {self.refusal.title_en}"
        return "; ".join(f"{fault.column}: {fault.detail}" for fault in self.faults)
