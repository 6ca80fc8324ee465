"""Tickets that are asked for, and what their papers bear (W01, R26)."""

from datetime import date, datetime, timedelta
from typing import ClassVar
from uuid import UUID

from service.domain.alerts import Flag
from service.domain.grades import is_same_grade
from service.domain.policies import Policies
from service.domain.refusals import Refusal
from service.domain.units import Kilograms, shanghai_day
from service.domain.values import dataclass


class ContractIsClosed(Refusal):
    """This contract is closed: no more tickets can be issued under it."""

    title: ClassVar[str] = "该合同已关闭，不能再开具运单"
    rule: ClassVar[str | None] = "W08"


class ContractHasEnded(Refusal):
    """This contract ended before the ticket would become valid: `valid_until` is the contract's last day."""

    title: ClassVar[str] = "运单生效时该合同已到期，valid_until 为合同的最后一日"
    rule: ClassVar[str | None] = "W08"


class ContractIsAFramework(Refusal):
    """Nothing is loaded under a framework: file the instalment as a contract under it, and issue tickets under that."""

    title: ClassVar[str] = "框架合同不能直接开具运单：请先备案分批合同，再按分批合同开具"
    rule: ClassVar[str | None] = "R22"


class NotTheProjectsExit(Refusal):
    """A project's ore leaves through the project's own exit: `exit_station_id` is its weighing station."""

    title: ClassVar[str] = "项目矿石须经项目登记的出口计量站（exit_station_id）出场"
    rule: ClassVar[str | None] = "R01"


class SlipGoesWithoutTickets(Refusal):
    """This slip was filed without tickets: its kilograms were handed over when it was filed."""

    title: ClassVar[str] = "该内部交接单按不用运单填报，填报时数量已交接完毕"
    rule: ClassVar[str | None] = "R24"


class OnwardContractDoesNotFollow(Refusal):
    """The buyer passes a load on under a contract of its own sale from stock, to a third firm."""

    title: ClassVar[str] = "转售合同的卖方须为本合同的买方，且须为其库存销售合同，买方为第三方"
    rule: ClassVar[str | None] = "W12"


class SourceStationNotTheSellers(Refusal):
    """The source station serves neither the mine of the sale nor the seller."""

    title: ClassVar[str] = "出矿计量站既不属于合同所列矿山，也不属于卖方"
    rule: ClassVar[str | None] = "W01"


class ValidityIsPast(Refusal):
    """This ticket would be over before it is issued; `valid_until` must lie after now (`now`)."""

    title: ClassVar[str] = "该运单开具时有效期已过；valid_until 须晚于当前时间（now）"
    rule: ClassVar[str | None] = "W01"


class ValidityTooLong(Refusal):
    """A ticket is good for one journey of one truck; `valid_until` lies at most `most_hours` after its beginning."""

    title: ClassVar[str] = "运单只供一车一次运输使用；valid_until 距生效时间不得超过 most_hours 小时"
    rule: ClassVar[str | None] = "W01"


class QuotaIsUsedUp(Refusal):
    """The quota has not the planned kilograms left, and its office has decided that tickets are then refused."""

    title: ClassVar[str] = "剩余指标不足计划数量，主管部门规定此时不予开具运单"
    rule: ClassVar[str | None] = "O03"


@dataclass(frozen=True, slots=True)
class Paper:
    """The contract or slip under which a ticket is asked for."""

    seller_id: UUID
    buyer_id: UUID
    mine_id: UUID | None
    earmark: str | None
    grade: str
    valid_until: date | None = None  # its last day
    is_closed: bool = False
    goes_by_tickets: bool = True
    project_id: UUID | None = None
    stock_id: UUID | None = None
    exit_station_id: UUID | None = None  # the only one through which a project's ore leaves
    is_framework: bool = False

    @property
    def source_id(self) -> UUID | None:
        """The mine, project or declared stock whose quota the load draws on (R01)."""
        return self.mine_id or self.project_id or self.stock_id


@dataclass(frozen=True, slots=True)
class Wish:
    """A ticket that is asked for."""

    contract_id: UUID | None
    slip_id: UUID | None
    plate: str
    planned_kg: Kilograms
    grade: str
    source_station_id: UUID
    destination_station_id: UUID
    valid_from: datetime
    valid_until: datetime
    onward_contract_id: UUID | None = None


def check_validity(valid_from: datetime, valid_until: datetime, policies: Policies, *, at: datetime) -> None:
    """Refuse a validity that is over already, or longer than a journey (W01): ValidityIsPast, ValidityTooLong."""
    if valid_until <= at:
        raise ValidityIsPast(now=at)
    if valid_until - valid_from > timedelta(hours=policies.ticket_valid_hours):
        raise ValidityTooLong(most_hours=policies.ticket_valid_hours)


def check_wish(wish: Wish, paper: Paper, *, serves_the_seller: bool) -> None:
    """Refuse a ticket that its paper does not bear: the first broken rule is raised."""
    if not paper.goes_by_tickets:
        raise SlipGoesWithoutTickets
    if paper.is_closed:
        raise ContractIsClosed
    if paper.valid_until is not None and shanghai_day(wish.valid_from) > paper.valid_until:
        raise ContractHasEnded(valid_until=paper.valid_until)
    if paper.is_framework:
        raise ContractIsAFramework
    if paper.exit_station_id not in (None, wish.source_station_id):
        raise NotTheProjectsExit(exit_station_id=paper.exit_station_id)
    if not serves_the_seller:
        raise SourceStationNotTheSellers(source_station_id=wish.source_station_id)


def check_onward(wish: Wish, paper: Paper, onward: Paper) -> None:
    """Refuse a passing on that the onward contract does not bear (W12).

    Raises OnwardContractDoesNotFollow, ContractIsClosed and ContractHasEnded.
    """
    if onward.seller_id != paper.buyer_id or onward.source_id is not None or onward.buyer_id == paper.seller_id:
        raise OnwardContractDoesNotFollow
    if onward.is_closed:
        raise ContractIsClosed
    if onward.is_framework:
        raise ContractIsAFramework
    if onward.valid_until is not None and shanghai_day(wish.valid_from) > onward.valid_until:
        raise ContractHasEnded(valid_until=onward.valid_until)


def flags_of(wish: Wish, paper: Paper, *, is_frozen: bool) -> list[Flag]:
    """What is noted with a ticket when it is issued, whatever other tickets there are (R07, E46)."""
    flags = []
    if not is_same_grade(wish.grade, paper.grade):
        flags.append(Flag.GRADE_MISMATCH)
    if is_frozen:
        flags.append(Flag.QUOTA_FROZEN)
    return flags
