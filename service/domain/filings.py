"""Filing (R22–R26): the two sides of a contract, each with its own clock, what must agree, and what is wrong; handover slips."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from uuid import UUID

import orjson

from service.domain.alerts import Flag
from service.domain.calendar import days_late
from service.domain.deadlines import contract_deadline, slip_deadline
from service.domain.grades import check_grade, is_same_grade
from service.domain.policies import DEFAULTS, Policies
from service.domain.proofs import Named, ProofState
from service.domain.refusals import NotFound, Refusal
from service.domain.registry import RUNNING
from service.domain.units import Kilograms, shanghai_day


class SellerIsBuyer(Refusal):
    """A contract joins two firms; ore for the firm's own plant is handed over by a slip (POST /v1/slips)."""

    title = "买卖双方不能为同一企业；自用矿石请填报企业内部矿石交接数量单"
    rule = "R22"


class DayInFuture(Refusal):
    """The day of signing or handover lies in the future; file it once it has come."""

    title = "签订或交接日期晚于今天；请在当日或之后填报"
    rule = "R22"


class EndsBeforeSigning(Refusal):
    """The contract ends before it was signed; check `signed_on` and `valid_until`."""

    title = "合同有效期早于签订日期；请核对 signed_on 与 valid_until"
    rule = "R22"


class UnknownEnterprise(NotFound):
    """There is no such enterprise in the registry; have the county register it first."""

    title = "名录中没有该企业；请先由县区登记"
    rule = "R04"


class UnknownMine(NotFound):
    """This mine is not one of the firm that supplies the ore."""

    title = "该矿山不属于供矿企业"
    rule = "R22"


class UnknownSource(NotFound):
    """This project or declared stock is not one of the firm that supplies the ore; GET /v1/projects and /v1/stocks list yours."""

    title = "该项目或申报存量不属于供矿企业；请在 GET /v1/projects、/v1/stocks 中查询"
    rule = "R01"


class SeveralSources(Refusal):
    """Name one source of the ore: a mine, a project, a declared stock, or the lots of a proof; file one paper for each."""

    title = "矿石来源只能填一种：矿山、项目、申报存量或合法来源证明；多种来源请分别填报"
    rule = "R01"


class SourceNotNamed(Refusal):
    """A slip names where its ore comes from: a mine, a project or a declared stock of the firm's own."""

    title = "交接单须注明矿石来源：本企业的矿山、项目或申报存量"
    rule = "R24"


class UnknownFramework(NotFound):
    """There is no such framework between these two firms; name one that both are parties of, or leave it out."""

    title = "买卖双方之间没有该框架合同；请填双方共同的框架合同，或不填"
    rule = "R22"


class OutsideFramework(Refusal):
    """An instalment is signed within its framework's period; file this contract by itself, or amend the framework."""

    title = "分批合同的签订日期须在框架合同期限内；请单独备案，或先变更框架合同"
    rule = "R22"


class FrameworkInFramework(Refusal):
    """A framework is not an instalment of another one; leave out one of the two."""

    title = "框架合同不能再作为其他框架合同的分批合同；二者只填其一"
    rule = "R22"


class NotOneGroup(Refusal):
    """These firms are not of one group in the registry, so each files its own side; have the county enter the group."""

    title = "双方未登记为同一集团，须各自备案；如属同一集团，请先由县区登记集团代码"
    rule = "R22"


class UnknownLine(NotFound):
    """This line is not one of the firm's plants."""

    title = "该生产线不属于本企业"
    rule = "R24"


class MineNotNamed(Refusal):
    """The seller has several mines; name the one that the ore comes from (`mine_id`), or the lots for a sale from stock."""

    title = "卖方有多座矿山；请注明来源矿山（mine_id），库存销售请附合法来源证明（proof）"
    rule = "R22"


class MineWithProof(Refusal):
    """Ore comes from the seller's mine or from its stock; name the mine or the lots, and file two contracts for both."""

    title = "矿石来自卖方矿山或其库存，二者择一：请填 mine_id 或 proof；两者兼有请分两份合同"
    rule = "R23"


class ContractAlreadyFiled(Refusal):
    """Both sides have filed this contract alike; other terms are an amendment."""

    title = "双方已一致备案该合同；变更内容须办理合同变更"
    rule = "R22c"


class ContractClosed(Refusal):
    """This contract is closed; nothing more is filed under it."""

    title = "该合同已终止；不能再备案"
    rule = "R22"


class SellerHasNotFiled(Refusal):
    """The seller has not filed this contract; only the seller or the office can close what carries the seller's number."""

    title = "卖方尚未备案该合同；只有卖方或主管部门可以终止"
    rule = "R22"


class TicketsStillOpen(Refusal):
    """Tickets of this contract were issued and not yet weighed; cancel them or let them be used first."""

    title = "该合同尚有已开出而未过磅的运单；请先作废或用完"
    rule = "W01"


class SlipAlreadyFiled(Refusal):
    """A slip of this number was filed with other contents; a number is used once for ever."""

    title = "该编号的交接单已填报且内容不同；编号不能重复使用"
    rule = "R24"


class Party(StrEnum):
    """A side of a contract."""

    SELLER = "seller"
    BUYER = "buyer"


class ContractState(StrEnum):
    """How far a contract's filing is."""

    INCOMPLETE = "incomplete"  # a side, or the proof, has not been filed
    MISMATCH = "mismatch"  # both sides have filed, and not the same
    FILED = "filed"
    CLOSED = "closed"


MUST_AGREE = (
    "buyer_id",
    "signed_on",
    "kg",
    "grade",
    "mine_id",
    "project_id",
    "stock_id",
    "earmark",
    "is_framework",
    "framework_id",
)
"""The terms that both sides must file alike; seller and number are the contract's name and agree by it (R22c)."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What one side says that a contract says."""

    seller_id: UUID
    buyer_id: UUID
    signed_on: date
    kg: Kilograms
    grade: str
    valid_until: date
    mine_id: UUID | None = None  # null: from the seller's stock
    proof: tuple[Named, ...] | None = None
    earmark: str | None = None
    price_fen_per_t: int | None = None
    project_id: UUID | None = None
    stock_id: UUID | None = None
    is_framework: bool = False
    framework_id: UUID | None = None

    @property
    def source_id(self) -> UUID | None:
        """The mine, project or declared stock whose quota the ore draws on (R01); None for what was received before."""
        return self.mine_id or self.project_id or self.stock_id

    @property
    def is_from_stock(self) -> bool:
        """Whether the seller sells what it received before: then it owes a proof of lawful origin (R23).

        Under a framework nothing is loaded: its instalments have proofs of their own.
        """
        return self.source_id is None and not self.is_framework

    @property
    def proven_kg(self) -> Kilograms:
        """The kilograms for which the proof names lots."""
        return Kilograms(sum(named.kg for named in self.proof or ()))

    def restates(self, standing: "Terms") -> bool:
        """Whether this says nothing new; a mine that was left out, and found by the service, is the same mine."""
        found = standing.mine_id if self.source_id is None and self.proof is None else self.mine_id
        return replace(self, mine_id=found) == standing


@dataclass(frozen=True, slots=True)
class Filing:
    """A version of what one enterprise has filed; `first_filed_at` is its clock (R22c)."""

    id: UUID
    enterprise_id: UUID
    version: int
    terms: Terms
    filed_at: datetime
    first_filed_at: datetime
    days_late: int
    fact: bytes = b""  # the hash that was kept with it: its receipt

    @property
    def party(self) -> Party:
        """The side on which it was filed."""
        return Party.SELLER if self.enterprise_id == self.terms.seller_id else Party.BUYER


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract as it stands: the terms that count, and what was shipped under them."""

    id: UUID
    number: str
    seller_id: UUID
    buyer_id: UUID
    mine_id: UUID | None
    signed_on: date
    kg: Kilograms
    grade: str
    valid_until: date
    earmark: str | None
    due_on: date
    state: ContractState
    proof_state: ProofState
    flags: tuple[str, ...]
    shipped_kg: Kilograms
    received_kg: Kilograms
    created_at: datetime
    closed_at: datetime | None
    project_id: UUID | None = None
    stock_id: UUID | None = None
    is_framework: bool = False
    framework_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Slip:
    """What a firm says that it handed over from its mine to its own plant."""

    enterprise_id: UUID
    number: str
    mine_id: UUID | None
    handed_on: date
    kg: Kilograms
    grade: str
    line_id: UUID | None = None
    earmark: str | None = None
    by_tickets: bool = False
    project_id: UUID | None = None
    stock_id: UUID | None = None

    @property
    def source_id(self) -> UUID:
        """The mine, project or declared stock whose quota it draws on (R01)."""
        source_id = self.mine_id or self.project_id or self.stock_id
        assert source_id is not None, "check_slip refuses a slip without a source"
        return source_id


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a contract's filings come to."""

    terms: Terms  # those that count: the seller's, or the buyer's before the seller files
    seller: Filing | None
    buyer: Filing | None
    proof: Filing | None  # the filing whose proof is in force
    differences: tuple[str, ...]
    due_on: date
    state: ContractState
    proof_state: ProofState

    def side(self, party: Party) -> Filing | None:
        """The filing that stands for a side."""
        return self.seller if party is Party.SELLER else self.buyer

    @property
    def late(self) -> dict[str, int]:
        """The days by which sides filed after their day."""
        return {str(party): side.days_late for party in Party if (side := self.side(party)) and side.days_late}

    @property
    def unproven_kg(self) -> Kilograms:
        """The contract's kilograms for which a proof is owed and no lot is named (R23)."""
        if not self.terms.is_from_stock:
            return Kilograms(0)
        return Kilograms(max(0, self.terms.kg - (self.proof.terms.proven_kg if self.proof else 0)))

    def flags(self, at: datetime, *, excess_kg: Kilograms, seller_has_quota: bool) -> tuple[Flag, ...]:
        """All that is wrong with the filing; the excess is that of the pledges made for it."""
        findings = {
            Flag.FILING_OVERDUE: is_overdue(self.state, self.due_on, at),
            Flag.FILING_LATE: bool(self.late),
            Flag.FILING_MISMATCH: self.state is ContractState.MISMATCH,
            Flag.ORIGIN_UNPROVEN: self.unproven_kg > 0,
            Flag.ORIGIN_OVERPLEDGED: excess_kg > 0,
            Flag.SELLER_WITHOUT_QUOTA: not seller_has_quota,
        }
        return tuple(flag for flag, is_found in findings.items() if is_found)


FILING_FLAGS = (
    Flag.FILING_OVERDUE,
    Flag.FILING_LATE,
    Flag.FILING_MISMATCH,
    Flag.ORIGIN_UNPROVEN,
    Flag.ORIGIN_OVERPLEDGED,
    Flag.SELLER_WITHOUT_QUOTA,
)
"""What an assessment finds anew each time; a contract's other flags come from its loads."""


def is_overdue(state: ContractState, due_on: date, at: datetime) -> bool:
    """Whether a contract's window closed before its filing was complete: from day 16 on (R26)."""
    return state in (ContractState.INCOMPLETE, ContractState.MISMATCH) and shanghai_day(at) > due_on


def contract_due(signed_on: date, policies: Policies = DEFAULTS) -> date:
    """The last day on which a contract is filed in time (R22)."""
    return contract_deadline(signed_on, policies).due_on


def slip_due(handed_on: date, policies: Policies = DEFAULTS) -> date:
    """The last day on which a slip is filed in time (R24)."""
    return slip_deadline(handed_on, policies).due_on


def check_slip(slip: Slip, at: datetime, policies: Policies = DEFAULTS) -> None:
    """Refuse what no slip can say: DayInFuture, SourceNotNamed, SeveralSources."""
    if slip.handed_on > shanghai_day(at):
        raise DayInFuture(handed_on=slip.handed_on)
    sources = sum(source is not None for source in (slip.mine_id, slip.project_id, slip.stock_id))
    if sources != 1:
        raise SeveralSources if sources else SourceNotNamed
    check_grade(slip.grade, listed_only=policies.listed_grades)


def goes_to_a_stopped_plant(slip: Slip, lines: Mapping[UUID, str]) -> bool:
    """Whether the slip's line does not run, or, where it names none, not one of the firm's lines does (P01)."""
    if slip.line_id:
        return lines[slip.line_id] != RUNNING
    return bool(lines) and RUNNING not in lines.values()


def check_instalment(terms: Terms, framework: Contract) -> None:
    """Refuse an instalment that is not one of this framework's: other firms, or signed outside its period."""
    if not framework.is_framework or (framework.seller_id, framework.buyer_id) != (terms.seller_id, terms.buyer_id):
        raise UnknownFramework(framework_id=framework.id)
    if framework.state is ContractState.CLOSED:
        raise ContractClosed(contract_id=framework.id)
    if not framework.signed_on <= terms.signed_on <= framework.valid_until:
        raise OutsideFramework(signed_on=framework.signed_on, valid_until=framework.valid_until)


def check(terms: Terms, at: datetime, policies: Policies = DEFAULTS) -> None:
    """Refuse what no contract can say: SellerIsBuyer, DayInFuture, EndsBeforeSigning, MineWithProof, SeveralSources …"""
    if terms.seller_id == terms.buyer_id:
        raise SellerIsBuyer
    if terms.signed_on > shanghai_day(at):
        raise DayInFuture(signed_on=terms.signed_on)
    if terms.valid_until < terms.signed_on:
        raise EndsBeforeSigning(signed_on=terms.signed_on, valid_until=terms.valid_until)
    if terms.source_id and terms.proof:
        raise MineWithProof
    if sum(source is not None for source in (terms.mine_id, terms.project_id, terms.stock_id)) > 1:
        raise SeveralSources
    if terms.is_framework and terms.framework_id:
        raise FrameworkInFramework
    check_grade(terms.grade, listed_only=policies.listed_grades)


def sourced(
    terms: Terms, mines: Collection[UUID], others: Collection[UUID] = (), *, is_mining_firm: bool = True
) -> Terms:
    """The terms with the mine, project or declared stock that the ore comes from, which must be one of the seller's.

    Left out it is a mining firm's only mine, unless a proof says that the ore comes from stock. Raises UnknownMine,
    UnknownSource, and MineNotNamed where there are several.
    """
    if terms.mine_id:
        if terms.mine_id not in mines:
            raise UnknownMine(mine_id=terms.mine_id)
        return terms
    if terms.source_id:
        if terms.source_id not in others:
            raise UnknownSource(source_id=terms.source_id)
        return terms
    if terms.proof or not (is_mining_firm and mines):
        return terms
    if len(mines) > 1:
        raise MineNotNamed(mines=sorted(map(str, mines)))
    return replace(terms, mine_id=next(iter(mines)))


def next_version(
    standing: Filing | None,
    terms: Terms,
    *,
    filing_id: UUID,
    enterprise_id: UUID,
    at: datetime,
    policies: Policies = DEFAULTS,
) -> Filing:
    """A side's filing, or its next version, which keeps the side's first clock (R22c)."""
    first = standing.first_filed_at if standing else at
    return Filing(
        id=filing_id,
        enterprise_id=enterprise_id,
        version=standing.version + 1 if standing else 1,
        terms=terms,
        filed_at=at,
        first_filed_at=first,
        days_late=days_late(contract_due(terms.signed_on, policies), first),
    )


def assess(filings: Sequence[Filing], policies: Policies = DEFAULTS, *, exempt: Collection[UUID] = ()) -> Assessment:
    """What the newest filings of all who filed a contract come to (R22, R22c, R23).

    The seller names its buyer. Until that firm files, whoever filed as the buyer stands for the buyer's side, which is
    a mismatch to be seen; a contract that its two parties filed alike cannot be disturbed by a third. Nobody waits for
    a firm that is exempt from filing.
    """
    assert filings, "a contract begins with a filing"
    filings = [_judged_anew(filing, policies) for filing in filings]
    by_age = sorted(filings, key=lambda filing: filing.first_filed_at)
    seller = next((filing for filing in by_age if filing.party is Party.SELLER), None)
    buyers = [filing for filing in by_age if filing.party is Party.BUYER]
    named = [filing for filing in buyers if seller and filing.enterprise_id == seller.terms.buyer_id]
    buyer = next(iter(named or buyers), None)
    terms = (seller or by_age[0]).terms

    differences = _differences(seller.terms, buyer.terms) if seller and buyer else ()
    proof = min(
        (filing for filing in (seller, buyer) if filing and filing.terms.proof and terms.is_from_stock),
        key=lambda filing: filing.filed_at,
        default=None,
    )
    if not terms.is_from_stock:
        proof_state = ProofState.NONE
    elif proof and proof.terms.proven_kg >= terms.kg:
        proof_state = ProofState.COMPLETE
    else:
        proof_state = ProofState.MISSING

    if not (seller or terms.seller_id in exempt) or not (buyer or terms.buyer_id in exempt):
        state = ContractState.INCOMPLETE
    elif differences:
        state = ContractState.MISMATCH
    elif terms.is_from_stock and not proof:
        state = ContractState.INCOMPLETE
    else:
        state = ContractState.FILED
    due_on = contract_due(terms.signed_on, policies)
    return Assessment(terms, seller, buyer, proof, differences, due_on, state, proof_state)


def _judged_anew(filing: Filing, policies: Policies) -> Filing:
    # An outage or a holiday may have been declared after it was filed; what was written then stays as it was (R27, E54).
    late = days_late(contract_due(filing.terms.signed_on, policies), filing.first_filed_at)
    return filing if late == filing.days_late else replace(filing, days_late=late)


def _differences(one: Terms, other: Terms) -> tuple[str, ...]:
    names = [name for name in MUST_AGREE if getattr(one, name) != getattr(other, name)]
    if "grade" in names and is_same_grade(one.grade, other.grade):
        names.remove("grade")
    # One proof is enough, whoever files it; two that differ leave open which lots are pledged.
    if one.proof and other.proof and one.proof != other.proof:
        names.append("proof")
    return tuple(names)


def fact_of(number: str, filing: Filing) -> bytes:
    """The hash that stands for a filing: its receipt, which says what was filed, by whom and when."""
    return _hash("filing", [number, filing.party, filing.version, filing.terms, filing.filed_at.astimezone(UTC)])


def fact_of_slip(slip: Slip, filed_at: datetime) -> bytes:
    """The hash that stands for a slip; the movement that it posts is bound to it."""
    return _hash("slip", [slip, filed_at.astimezone(UTC)])


def _hash(kind: str, content: list[object]) -> bytes:
    # `default`: the driver's ids are a kind of UUID that orjson takes for something else.
    text = orjson.dumps(content, default=str, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(f"meisu {kind} 1\n".encode() + text).digest()
