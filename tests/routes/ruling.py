"""Policy values for tests of other things: decided for ever, without the door and its wait."""

from typing import Any

from fastapi import FastAPI


async def rule(app: FastAPI, scope: str = "", **values: Any) -> None:
    """Have some policies say something, as their JSON has it, since ever."""
    async with app.state.database.transaction() as connection:
        for name, value in values.items():
            version = await connection.fetchval("UPDATE rulebook SET version = version + 1 RETURNING version")
            await connection.execute(
                "INSERT INTO policy (id, version, name, scope, value, valid_from, document_no, reason, person_id, recorded_at)"
                " VALUES (gen_random_uuid(), $1, $2, $3, $4, '2000-01-01', '测试', '测试', gen_random_uuid(), now())",
                version,
                name,
                scope,
                value,
            )
    await app.state.rulebook.look()
