"""What time does to contracts: those that nobody completed, and those whose deadline has moved."""

from datetime import datetime
from uuid import UUID

from service.actions.contracts.standing import Standing, assess, keep, parties_of
from service.db import Connection
from service.domain.alerts import Alert, Flag
from service.domain.calendar import Deadline
from service.domain.filings import ContractState
from service.domain.policies import Policies
from service.domain.units import shanghai_day
from service.store import alerts, amendments, contracts, pledges


async def flag_overdue(connection: Connection, *, at: datetime) -> int:
    """Flag the contracts, and by them the loads, whose filing is not complete on day 16; gives how many (R26).

    An amendment that nobody has answered by then is flagged on its contract in the same way.
    """
    overdue = await contracts.flag_overdue(connection, shanghai_day(at))
    amended = await amendments.overdue(connection, shanghai_day(at))
    facts = [
        (row["id"], row, {"state": row["state"], "shipped_kg": row["shipped_kg"], "loads": row["loads"]})
        for row in overdue
    ]
    facts += [(row["contract_id"], row, {"amendment": row["amendment"]}) for row in amended]
    await alerts.open_alerts(
        connection,
        [
            Alert(
                code=Flag.FILING_OVERDUE,
                subject_kind="contract",
                subject_id=str(contract_id),
                jurisdiction=row["jurisdiction"],
                parties=(row["seller_id"], row["buyer_id"]),
                occurred_at=Deadline(row["due_on"]).ends_at,
                facts={"number": row["number"], "due_on": row["due_on"], **more},
            )
            for contract_id, row, more in facts
        ],
        at=at,
    )
    return len(overdue)


async def reassess(connection: Connection, contract_id: UUID, policies: Policies, *, at: datetime) -> None:
    """Judge a contract's filings anew after its deadline has moved: what is in time now is not late any more (R27)."""
    contract = await contracts.lock(connection, contract_id)
    known = (await contracts.newest_filings(connection, [contract_id]))[contract_id]
    in_force = (await pledges.pledges_of(connection, [contract_id]))[contract_id]
    if contract.state is not ContractState.CLOSED:
        firms = await parties_of(connection, [known])
        standing = Standing(contract, assess(known, firms, policies), in_force)
        await keep(connection, [standing], firms, at=at)
