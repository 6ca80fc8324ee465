"""Any list as a table (§10): `/v1/contracts.xlsx?state=filed`, or `?format=csv`, is the same list, read to its end.

The list's own route answers, page after page: whose it is, and what is filtered, is asked there and nowhere else.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import problems
from service.domain.sheets import Cell, ExportTooLarge
from service.sheets import MEDIA_TYPES, write_sheet
from service.threads import PIECE, give_way, in_thread

PAGE = 500
MOST_EXPORTED = 100_000
_SUFFIX = re.compile(r"(/v1/[a-z]+)\.(csv|xlsx)$")
_LIST = re.compile(r"/v1/[a-z]+$")


# What people call the fields; a field without a word keeps its name.
HEADS: Final[Mapping[str, str]] = {
    "id": "标识",
    "number": "编号",
    "state": "状态",
    "seller_id": "卖方标识",
    "buyer_id": "买方标识",
    "seller": "卖方",
    "buyer": "买方",
    "mine_id": "矿山标识",
    "mine": "矿山",
    "project_id": "项目标识",
    "stock_id": "存量标识",
    "enterprise_id": "企业标识",
    "signed_on": "签订日期",
    "handed_on": "交接日期",
    "kg": "数量（千克）",
    "grade": "品级",
    "valid_from": "有效期起",
    "valid_until": "有效期至",
    "earmark": "专项用途",
    "due_on": "备案期限",
    "filed_at": "备案时间",
    "days_late": "逾期天数",
    "differences": "不一致项",
    "shipped_kg": "已发运（千克）",
    "received_kg": "已收货（千克）",
    "proof_state": "来源证明",
    "flags": "预警",
    "closed_at": "终止时间",
    "plate": "车牌号",
    "planned_kg": "计划（千克）",
    "out_kg": "发出（千克）",
    "out_at": "发出时间",
    "in_kg": "收入（千克）",
    "in_at": "收货时间",
    "back_kg": "退回（千克）",
    "gross_kg": "毛重（千克）",
    "tare_kg": "皮重（千克）",
    "net_kg": "净重（千克）",
    "weighed_at": "过磅时间",
    "recorded_at": "记录时间",
    "direction": "方向",
    "station_id": "计量站标识",
    "station": "计量站",
    "source_station": "出矿计量站",
    "destination_station": "收货计量站",
    "holder": "持有人",
    "holder_id": "持有人标识",
    "pledged_kg": "列入证明（千克）",
    "available_kg": "可用（千克）",
    "year": "年度",
    "quarter": "季度",
    "kind": "类别",
    "document_no": "文号",
    "issued_on": "下达日期",
    "reason": "理由",
    "credit_code": "统一社会信用代码",
    "name": "名称",
    "kinds": "类型",
    "jurisdiction": "行政区划",
    "group_code": "集团代码",
    "code": "代码",
    "opened_at": "发生时间",
    "occurred_at": "事发时间",
    "settled_at": "处置时间",
    "note": "备注",
    "created_at": "登记时间",
    "version": "版本",
    "over_kg": "超出（千克）",
    "document.number": "单据编号",
    "licence.number": "采矿许可证号",
    "licence.scale_kg": "证载规模（千克）",
}


class Exports:
    """Pure ASGI, before the routes: asks the list for all its pages, and writes them as a table.

    Each page becomes rows as it comes, beside the loop: the whole list at once would keep every scale waiting for seconds.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = _asked(scope)
        if asked is None:
            await self._app(scope, receive, send)
            return

        path, form, query = asked
        table = _Table()
        after: str | None = None
        while True:
            page = _Page()
            pairs = [*query, ("limit", str(PAGE)), *([("after", after)] if after else [])]
            target = {"path": path, "raw_path": path.encode(), "query_string": urlencode(pairs).encode()}
            await self._app({**scope, **target}, receive, page.send)
            if not await in_thread(partial(page.read, table)):
                # A refusal, or something that is no list: it is said as it is.
                for message in page.messages:
                    await send(message)
                return
            after = page.next
            if len(table) > MOST_EXPORTED:
                refusal = problems.answer(ExportTooLarge(most=MOST_EXPORTED), scope["state"]["request_id"])
                await refusal(scope, receive, send)
                return
            if after is None:
                break
        await _answer(send, form, path.rsplit("/", maxsplit=1)[-1], table)


class _Page:
    """One page of the list, as its route answers."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.next: str | None = None

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    def read(self, table: "_Table") -> bool:
        """Put the entries into a table and know the cursor; False where this is no page of a list."""
        start = next(message for message in self.messages if message["type"] == "http.response.start")
        body = b"".join(message.get("body", b"") for message in self.messages)
        headers = dict(start["headers"])
        if start["status"] != 200 or not headers.get(b"content-type", b"").startswith(b"application/json"):
            return False
        said = orjson.loads(body)
        if not isinstance(said, dict) or not isinstance(said.get("items"), list):
            return False
        table.add(said["items"])
        self.next = said.get("next")
        return True


class _Table:
    """Entries as rows: a field's column is where the first entry that has it put it."""

    def __init__(self) -> None:
        self._columns: dict[str, int] = {}
        self._rows: list[tuple[Cell, ...]] = []  # lists would be looked through at each collection

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, items: Iterable[Mapping[str, Any]]) -> None:
        """The next rows, with a rest after each piece of them."""
        for place, item in enumerate(items):
            if place % PIECE == 0:
                give_way()
            row: list[Cell] = [None] * len(self._columns)
            for field, cell in _flat(item):
                column = self._columns.setdefault(field, len(row))
                if column == len(row):
                    row.append(cell)
                else:
                    row[column] = cell
            self._rows.append(tuple(row))

    def head(self) -> list[str]:
        """What stands above the columns."""
        return [_head(field) for field in self._columns] or [_head("id")]

    def rows(self) -> Iterator[Sequence[Cell]]:
        """The rows in order, each of them as long as the head."""
        width = len(self._columns)
        return (row + (None,) * (width - len(row)) for row in self._rows)


def _asked(scope: Scope) -> tuple[str, str, list[tuple[str, str]]] | None:
    """The list, the form and the filters that an export asks for."""
    if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith("/v1/"):
        return None
    pairs = parse_qsl(scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)
    form = next((value for name, value in pairs if name == "format"), None)
    if found := _SUFFIX.fullmatch(scope["path"]):
        path, form = found.groups()
    elif form in MEDIA_TYPES and _LIST.fullmatch(scope["path"]):
        path = scope["path"]
    else:
        return None
    return path, form, [(name, value) for name, value in pairs if name not in ("format", "limit", "after")]


async def _answer(send: Send, form: str, name: str, table: _Table) -> None:
    content = await write_sheet(form, table.head(), table.rows())
    headers = [
        (b"content-type", MEDIA_TYPES[form].encode()),
        (b"content-length", str(len(content)).encode()),
        (b"content-disposition", f'attachment; filename="{name}.{form}"'.encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _head(field: str) -> str:
    return f"{HEADS[field]} {field}" if field in HEADS else field


def _flat(item: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Cell]]:
    """An entry as one row: what is inside of it gets names with dots, its sides their party's, and lists are joined."""
    for name, value in item.items():
        field = f"{above}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{field}.")
        elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
            if all("party" in one for one in value):
                for one in value:
                    yield from _flat({key: part for key, part in one.items() if key != "party"}, f"{one['party']}.")
            else:
                yield field, orjson.dumps(value).decode()
        elif isinstance(value, list):
            yield field, "; ".join(str(one) for one in value)
        else:
            yield field, value
