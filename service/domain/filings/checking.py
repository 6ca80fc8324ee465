"""What no contract can say: parties, days, sources and frameworks (R01, R22, R23)."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from service.domain.filings.terms import Contract, ContractState, Terms
from service.domain.grades import check_grade
from service.domain.policies import DEFAULTS, Policies
from service.domain.refusals import NotFound, Refusal
from service.domain.units import shanghai_day


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
