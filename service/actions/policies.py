"""What the province decides about the rules: policy values, worked days, outages."""

from datetime import datetime

from service.actions.deadlines import move_deadlines
from service.db import Connection
from service.domain.permissions import Actor
from service.domain.policies import ABOUT, Changes, Policies, PolicyUnknown, Scope, ScopeNotAllowed, read_value
from service.store import audits, policies


async def decide_policy(
    connection: Connection,
    change: Changes,
    *,
    document_no: str,
    reason: str,
    at: datetime,
    actor: Actor,
) -> None:
    """Set a policy from a day on, for all or for one pool or class of bridges; what hangs on it is counted anew (E56).

    A null value ends that of a scope. Raises PolicyUnknown, PolicyValueMalformed, ScopeNotAllowed.
    """
    known = ABOUT.get(change.name)
    if known is None:
        raise PolicyUnknown(policy=change.name)
    if change.value is not None:
        read_value(known, change.value)
    is_code = change.scope.isdecimal() and len(change.scope) == 6
    fits = {Scope.ALL: not change.scope, Scope.POOL: is_code or not change.scope, Scope.BRIDGE: not is_code}[known.by]
    if not fits or (change.value is None and not change.scope):
        raise ScopeNotAllowed(policy=change.name, by=known.by)

    version = await policies.turn(connection)
    before = Policies(history=await policies.history(connection))
    await policies.decide(
        connection,
        change,
        change.value,
        version=version,
        document_no=document_no,
        reason=reason,
        at=at,
        actor=actor,
    )
    facts = {
        "policy": change.name,
        "scope": change.scope,
        "value": change.value,
        "valid_from": change.valid_from,
        "document_no": document_no,
    }
    await audits.note(connection, "policies.decide", None, facts, at=at, actor=actor)
    after = Policies(history=await policies.history(connection))
    await move_deadlines(connection, before, after, version=version, at=at)
