"""Policy values for tests of other things: decided for ever, without the door and its wait."""

from datetime import date
from typing import Any

from fastapi import FastAPI

from service.domain.policies import Changes
from service.store import policies
from tests import cast


async def rule(app: FastAPI, scope: str = "", **values: Any) -> None:
    """Have some policies say something, as their JSON has it, since ever."""
    async with app.state.database.transaction() as connection:
        for name, value in values.items():
            await policies.decide(
                connection,
                Changes(name=name, scope=scope, value=value, valid_from=date(2000, 1, 1)),
                value,
                version=await policies.turn(connection),
                document_no="测试",
                reason="测试",
                at=app.state.clock.now(),
                actor=cast.PROVINCE.actor,
            )
    await app.state.rulebook.look()
