"""What there is in the registry, as people read and fill it in: each kind of entry with its facts and its doors."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, get_args

from fastapi.responses import Response

from service.domain.policies import BridgeClass
from service.domain.registry import (
    CreditCodeRegistered,
    HolderHasQuota,
    JurisdictionUnknown,
    LicenceRegistered,
    MineHasQuota,
    StockDeclarationClosed,
    StockDeclaredAlready,
    SurveyedInFuture,
)
from service.domain.sheets import CellKind, Column
from service.routes import enterprises, lines, mines, projects, stations, stocks
from service.routes.enterprises import EnterpriseIn, EnterpriseKind
from service.routes.entries import EntryOut
from service.routes.fields import Body
from service.routes.lines import Kiln, LineIn, LineKind, LineStatus
from service.routes.mines import Method, MineIn, Operating
from service.routes.projects import ProjectIn
from service.routes.stations import StationIn
from service.routes.stocks import StockIn
from service.store.tables import EnterpriseRow, Entry, LineRow, MineRow, ProjectRow, StationRow, StockRow


def _(message: str) -> str:
    """Marks a message for the catalogue; it is translated where it is shown."""
    return message


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of entry: its names, the facts that it has and that lists show, and the API's own doors to it.

    `asks_policies` says that its doors are told the request, for the policy values in force.
    """

    row: type[Entry]
    label: str
    one: str
    register_label: str
    body: type[Body]
    columns: tuple[Column, ...]
    listed: tuple[str, ...]
    register: Callable[..., Awaitable[Response]]
    revise: Callable[..., Awaitable[EntryOut]]
    title: str = "name"
    asks_policies: bool = False

    @property
    def slug(self) -> str:
        """Its place in addresses."""
        return self.row.slice

    def column(self, field: str) -> Column:
        """One of its facts."""
        return next(column for column in self.columns if column.field == field)


CODE_OF_FIRM: Final = "企业统一社会信用代码"
KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        kind.slug: kind
        for kind in (
            Kind(
                EnterpriseRow,
                _("Enterprises"),
                _("Enterprise"),
                _("Register an enterprise"),
                EnterpriseIn,
                (
                    Column("credit_code", "统一社会信用代码", "credit code", CellKind.CODE, True),
                    Column("name", "企业名称", "name of the enterprise", is_required=True),
                    Column("kinds", "企业类型", "what it does"),
                    Column("jurisdiction", "所在县（市、区）", "place", is_required=True),
                    Column("group_code", "集团母公司信用代码", "credit code of its group's head", CellKind.CODE),
                ),
                ("credit_code", "kinds", "jurisdiction"),
                enterprises.register_enterprise,
                enterprises.revise_enterprise,
            ),
            Kind(
                MineRow,
                _("Mines"),
                _("Mine"),
                _("Register a mine"),
                MineIn,
                (
                    Column("enterprise_id", CODE_OF_FIRM, "credit code of its enterprise", CellKind.CODE, True),
                    Column("name", "矿山名称", "name of the mine", is_required=True),
                    Column("jurisdiction", "所在县（市、区）", "place", is_required=True),
                    Column("method", "开采方式", "method", is_required=True),
                    Column("licence_number", "采矿许可证号", "licence", CellKind.CODE, True),
                    Column(
                        "licence_scale_kg", "证载规模（吨/年）", "licensed scale (t a year)", CellKind.TONNES, True
                    ),
                    Column("licence_valid_from", "采矿许可证有效期起", "licence valid from", CellKind.DAY, True),
                    Column("licence_valid_until", "采矿许可证有效期止", "licence valid until", CellKind.DAY, True),
                    Column("operating", "经营状态", "operation", is_required=True),
                    Column("consolidated", "已完成资源整合", "consolidated", CellKind.YES_NO),
                    Column("environment_ok", "环保手续齐全", "environment papers in order", CellKind.YES_NO),
                    Column("safety_ok", "安全生产手续齐全", "safety papers in order", CellKind.YES_NO),
                ),
                (
                    "enterprise_id", "jurisdiction", "licence_number", "licence_scale_kg", "licence_valid_until",
                    "operating",
                ),
                mines.register_mine,
                mines.revise_mine,
            ),
            Kind(
                StationRow,
                _("Stations"),
                _("Weighing station"),
                _("Register a weighing station"),
                StationIn,
                (
                    Column("name", "计量站名称", "name of the station", is_required=True),
                    Column("jurisdiction", "所在县（市、区）", "place", is_required=True),
                    Column("mine_id", "所在矿山", "at the mine"),
                    Column("enterprise_id", "所在企业统一社会信用代码", "or in the yard of (credit code)", CellKind.CODE),
                    Column("bridge_class", "衡器准确度等级", "accuracy class of the scale"),
                    Column("gross_limit_kg", "道路限重（吨）", "limit of its road (t)", CellKind.TONNES),
                    Column("latitude", "纬度", "latitude"),
                    Column("longitude", "经度", "longitude"),
                ),
                ("jurisdiction", "mine_id", "enterprise_id", "bridge_class"),
                stations.register_station,
                stations.revise_station,
            ),
            Kind(
                LineRow,
                _("Production lines"),
                _("Production line"),
                _("Register a production line"),
                LineIn,
                (
                    Column("enterprise_id", CODE_OF_FIRM, "credit code of its enterprise", CellKind.CODE, True),
                    Column("name", "生产线名称", "name of the line", is_required=True),
                    Column("kind", "产品类别", "what it makes", is_required=True),
                    Column("kiln", "窑炉类型", "kiln"),
                    Column("status", "运行状态", "status", is_required=True),
                    Column("ore_per_product", "吨产品耗矿（吨）", "ore for a tonne of product (t)", is_required=True),
                ),
                ("enterprise_id", "kind", "kiln", "status", "ore_per_product"),
                lines.register_line,
                lines.revise_line,
            ),
            Kind(
                ProjectRow,
                _("Projects"),
                _("Project"),
                _("Register a project"),
                ProjectIn,
                (
                    Column("name", "项目名称", "name of the project", is_required=True),
                    Column("jurisdiction", "所在县（市、区）", "place", is_required=True),
                    Column("operator_id", "实施企业统一社会信用代码", "credit code of its operator", CellKind.CODE, True),
                    Column("approved_kg", "批准矿石量（吨）", "approved (t)", CellKind.TONNES, True),
                    Column("valid_from", "有效期起", "valid from", CellKind.DAY, True),
                    Column("valid_until", "有效期止", "valid until", CellKind.DAY, True),
                    Column("document_no", "批准文号", "number of the document", is_required=True),
                    Column("exit_station_id", "唯一出矿计量站", "the station that its ore leaves by"),
                ),
                ("operator_id", "jurisdiction", "approved_kg", "valid_until", "document_no"),
                projects.register_project,
                projects.revise_project,
            ),
            Kind(
                StockRow,
                _("Declared stocks"),
                _("Declared stock"),
                _("Register a declared stock"),
                StockIn,
                (
                    Column("enterprise_id", CODE_OF_FIRM, "credit code of its enterprise", CellKind.CODE, True),
                    Column("grade", "品级", "grade", is_required=True),
                    Column("kg", "存量（吨）", "stock (t)", CellKind.TONNES, True),
                    Column("surveyed_on", "测量日期", "surveyed on", CellKind.DAY, True),
                    Column("document_no", "申报文号", "number of the document", is_required=True),
                ),
                ("enterprise_id", "grade", "kg", "surveyed_on"),
                stocks.register_stock,
                stocks.revise_stock,
                title="document_no",
                asks_policies=True,
            ),
        )
    }
)  # fmt: skip

FIRMS: Final = frozenset({"enterprise_id", "operator_id"})
"""Facts that name a firm: people write its credit code."""
NAMED: Final[Mapping[str, type[Entry]]] = MappingProxyType(
    {"mine_id": MineRow, "exit_station_id": StationRow, **dict.fromkeys(FIRMS, EnterpriseRow)}
)
"""Facts that name another entry."""
CODED: Final[Mapping[str, tuple[str, Sequence[str]]]] = MappingProxyType(
    {
        "kinds": ("enterprise_kind", [one.value for one in EnterpriseKind]),
        "method": ("method", get_args(Method)),
        "operating": ("operating", get_args(Operating)),
        "kind": ("line_kind", get_args(LineKind)),
        "kiln": ("kiln", get_args(Kiln)),
        "status": ("line_status", get_args(LineStatus)),
        "bridge_class": ("bridge_class", [one.value for one in BridgeClass]),
    }
)
"""Facts that are one of a few codes, with the family of their words."""
TICKED: Final = "1"
AT_FIRST: Final[Mapping[str, str]] = MappingProxyType({"operating": "lawful", "status": "running"})
BESIDE: Final[Mapping[str, str]] = MappingProxyType(
    {
        CreditCodeRegistered().code: "credit_code",
        LicenceRegistered().code: "licence_number",
        JurisdictionUnknown().code: "jurisdiction",
        HolderHasQuota().code: "jurisdiction",
        MineHasQuota().code: "jurisdiction",
        StockDeclarationClosed().code: "kg",
        StockDeclaredAlready().code: "grade",
        SurveyedInFuture().code: "surveyed_on",
    }
)
"""Beside which fact a refusal is told, by its code."""
