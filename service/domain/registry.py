"""Why an entry of the registry is not written."""

from service.domain.refusals import Refusal


class CreditCodeRegistered(Refusal):
    """An enterprise with this credit code is registered already."""

    title = "该统一社会信用代码已登记"
    rule = "R04"


class LicenceRegistered(Refusal):
    """A mine with this licence number is registered already."""

    title = "该采矿许可证号已登记"
    rule = "R02"


class JurisdictionUnknown(Refusal):
    """There is no jurisdiction with this code; `GET /v1/jurisdictions` lists all that there are."""

    title = "没有该行政区划代码；GET /v1/jurisdictions 列出全部代码"


class MineHasQuota(Refusal):
    """This mine was allotted quota from its county's pool; it cannot be moved to another jurisdiction."""

    title = "该矿山已由所在县（市）下达指标，不能改到其他行政区"
    rule = "R06"
