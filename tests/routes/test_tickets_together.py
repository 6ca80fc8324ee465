"""Tickets of one plate on which several processes act at the same moment: two open ones are told all the same (W05, E40)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from service.actions.tickets import Order, cancel_ticket, issue_tickets
from service.db import Connection
from service.domain.alerts import Alert, Flag
from service.routes.tickets import TicketIn
from service.store.alerts import open_alerts
from tests import cast, yard
from tests.routes.by import By
from tests.routes.ticketing import issue, weigh
from tests.sweeping import swept

pytestmark = pytest.mark.anyio
WAITING = """
SELECT count(*)
FROM pg_sleep(0.01)
INNER JOIN pg_stat_activity ON datname = current_database() AND wait_event_type = 'Lock'
"""
Deed = Callable[[Connection], Awaitable[Any]]


@pytest.fixture
def issuing(app: FastAPI, contract_id: UUID, now: datetime) -> Deed:
    """Issue one more ticket of the same plate."""
    wish = TicketIn.model_validate(yard.ticket_in(contract_id, now, planned_kg=30_000)).wish()

    async def one_more(connection: Connection) -> UUID:
        order = Order(cast.PAIZHAI_CLERK.actor, wish)
        [answer] = await issue_tickets(connection, [order], at=now, keys=app.state.keys)
        assert isinstance(answer, UUID), answer
        return answer

    return one_more


async def both(app: FastAPI, first: Deed, second: Deed, meanwhile: Awaitable[Any] | None = None) -> list[Any]:
    """Two deeds, the second of which another process begins before the first is committed."""

    async def do(deed: Deed) -> Any:
        async with app.state.database.transaction() as connection:
            return await deed(connection)

    async with app.state.database.pool.acquire() as looker, asyncio.timeout(20):
        async with app.state.database.transaction() as connection:
            one = await first(connection)
            other = asyncio.create_task(do(second))
            while not other.done() and await looker.fetchval(WAITING) < 1:
                pass
            if meanwhile is not None:
                await meanwhile
        return [one, await other]


async def flagged(by: By) -> list[str]:
    items = (await by(cast.LI).get("/v1/alerts?code=two-open-tickets&state=open")).json()["items"]
    return [one["subject_id"] for one in items]


async def test_w05_e40_of_two_tickets_of_a_plate_that_are_issued_at_once_the_later_is_flagged(
    app: FastAPI, by: By, issuing: Deed
) -> None:
    first, second = await both(app, issuing, issuing)
    shown = [(await by(cast.LI).get(f"/v1/tickets/{id_}")).json()["flags"] for id_ in (first, second)]
    assert (shown, await flagged(by)) == ([[], ["two-open-tickets"]], [str(second)])


@pytest.mark.parametrize("is_cancelled_first", [True, False])
async def test_w05_one_is_cancelled_while_another_one_is_issued(
    app: FastAPI, by: By, ticket: dict[str, Any], now: datetime, issuing: Deed, *, is_cancelled_first: bool
) -> None:
    async def cancel(connection: Connection) -> None:
        await cancel_ticket(connection, UUID(ticket["id"]), "改期", at=now, actor=cast.PAIZHAI_CLERK.actor)

    await both(app, *((cancel, issuing) if is_cancelled_first else (issuing, cancel)))
    assert await flagged(by) == []


async def test_w05_who_issues_tickets_holds_their_plates_after_all_else(
    app: FastAPI, by: By, ticket: dict[str, Any], now: datetime, issuing: Deed
) -> None:
    """R07: while he waits for another's word on the mine, who acts on a ticket of the plate does not wait for him."""
    frozen = Alert(Flag.QUOTA_FROZEN, "mine", str(cast.PAIZHAI_MINE), "210381", (cast.PAIZHAI.id,), now, {})
    async with app.state.database.transaction() as connection:
        await connection.execute("UPDATE mine SET licence_valid_until = $1", now - timedelta(days=1))

    async def tell(connection: Connection) -> None:
        await open_alerts(connection, [frozen], at=now)

    async def cancel() -> None:
        async with app.state.database.transaction() as connection:
            await cancel_ticket(connection, UUID(ticket["id"]), "改期", at=now, actor=cast.PAIZHAI_CLERK.actor)

    _, issued = await both(app, tell, issuing, meanwhile=cancel())
    shown = (await by(cast.LI).get(f"/v1/tickets/{issued}")).json()["flags"]
    assert (shown, await flagged(by)) == (["quota-frozen"], [])


async def test_w05_a_scale_does_not_wait_for_who_issues_tickets_of_the_same_plate(
    app: FastAPI, by: By, now: datetime, issuing: Deed
) -> None:
    """What the scale puts right in that moment the sweeper sees; of two that are open it settles nothing."""
    async with app.state.database.transaction() as connection:
        other = await yard.contract(
            connection, at=now
        )  # a load counts for its contract, on which tickets may be issued
    ticket = await issue(by, yard.ticket_in(other, now))
    await weigh(by, ticket, "out", 31_000, now)
    first, second = await both(app, issuing, issuing, meanwhile=weigh(by, ticket, "in", 31_000, now))
    shown = (await by(cast.LI).get(f"/v1/tickets/{ticket['id']}")).json()
    assert (shown["state"], sorted(await flagged(by))) == ("delivered", sorted([str(first), str(second)]))
    await swept(app, now)
    assert await flagged(by) == [str(second)]
    async with app.state.database.transaction() as connection:
        await cancel_ticket(connection, first, "改期", at=now, actor=cast.PAIZHAI_CLERK.actor)
    assert await flagged(by) == []
