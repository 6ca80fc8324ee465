"""What is worth opening in the sample province."""

from dataclasses import dataclass

from service.db import Connection
from service.demo import cast
from service.store.sentences import sentences

SQL = sentences("demo")


@dataclass(frozen=True, slots=True)
class Link:
    """A page and what is seen there."""

    path: str
    words: str


async def worth_opening(connection: Connection) -> list[Link]:
    """Five pages: the tree, the mine that overdrew, the lot of the deepest trade, a ticket, and what its paper says."""
    thirsty = await connection.fetchval(SQL["mine"], f"{cast.THIRSTY_MINE}%")
    deep = await connection.fetchval(SQL["deepest_lot"], cast.DEEP_TRADER)
    ticket = await connection.fetchrow(SQL["delivered_ticket"])
    assert ticket is not None, "loads were delivered"
    return [
        Link("/", "指标总览与预警 / the quota tree and the alerts"),
        Link(
            f"/mines/{thirsty}",
            "超指标的矿山：哪些车次、多少公斤 / the mine that overdrew: which loads, which kilograms",
        ),
        Link(f"/lots/{deep}", "经两级贸易商到厂的一批矿石从哪里来 / where a lot came from, through two traders"),
        Link(f"/tickets/{ticket['id']}", "一张运单及其二维码 / a ticket and its QR code"),
        Link(f"/T/{ticket['code']}", "扫码后的公开页面（无需登录） / the public page behind the code, no sign-in"),
    ]
