"""Why an entry of the registry is not written."""

from collections.abc import Iterable
from datetime import date

from service.domain.grades import is_same_grade
from service.domain.refusals import Refusal

RUNNING = "running"
"""A line's status; ore to lines that are stopped or retired is flagged (P01)."""


class CreditCodeRegistered(Refusal):
    """An enterprise with this credit code is registered already; look it up by its code and edit that entry."""

    title = "该统一社会信用代码已登记；请按代码查找该条目并修改"
    rule = "R04"


class LicenceRegistered(Refusal):
    """A mine with this licence number is registered already; look it up by its licence and edit that entry."""

    title = "该采矿许可证号已登记；请按许可证号查找该条目并修改"
    rule = "R02"


class JurisdictionUnknown(Refusal):
    """There is no jurisdiction with this code; `GET /v1/jurisdictions` lists all that there are."""

    title = "没有该行政区划代码；GET /v1/jurisdictions 列出全部代码"


class HolderHasQuota(Refusal):
    """Quota of its county's pool was allotted to this project or declared stock; it stays in that jurisdiction and firm."""

    title = "该项目或存量矿石已由所在县（市）下达指标，不能改到其他行政区或企业"
    rule = "R06"


class MineHasQuota(Refusal):
    """This mine was allotted quota from its county's pool; it cannot be moved to another jurisdiction."""

    title = "该矿山已由所在县（市）下达指标，不能改到其他行政区"
    rule = "R06"


class StockDeclarationClosed(Refusal):
    """Stock was declared until `declared_until`; since then none is declared and none grows: enter a smaller survey."""

    title = "存量申报已于 declared_until 截止：不再受理新的申报，也不得调增，只能按复测结果调减"
    rule = "R01"


class StockDeclaredAlready(Refusal):
    """This firm has declared its stock of this grade already; a stock is declared once."""

    title = "该企业已申报过此品级的存量；存量只能申报一次"
    rule = "R01"


class SurveyedInFuture(Refusal):
    """The day of the survey lies in the future; enter the stock once it has been surveyed."""

    title = "测量日期晚于今天；请在测量之后登记"
    rule = "R01"


def check_declaration(
    grade: str, kg: int, before_kg: int | None, surveyed_on: date, others: Iterable[str], *, today: date, until: date
) -> None:
    """Refuse a declared stock that comes too late, grows too late, or is the firm's second of one grade (R01b, E30).

    `before_kg` is what it said before, `others` are the grades of the firm's other stocks.
    """
    if surveyed_on > today:
        raise SurveyedInFuture(surveyed_on=surveyed_on)
    if today > until and (before_kg is None or kg > before_kg):
        raise StockDeclarationClosed(declared_until=until)
    if any(is_same_grade(grade, other) for other in others):
        raise StockDeclaredAlready(grade=grade)
