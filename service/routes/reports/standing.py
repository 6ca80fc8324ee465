"""What all reports stand on and how they are answered: a snapshot, the policies of its day; as JSON or as a table (E53)."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel

from service.db import Connection, ReaderDep
from service.domain.policies import Policies, stated
from service.domain.reports import Snapshot
from service.domain.sheets import Cell
from service.domain.units import shanghai_day
from service.routes.entries import Now, PoliciesNow
from service.routes.reports.bodies import HEADS
from service.sheets import MEDIA_TYPES, write_sheet
from service.store import reports

AsOf = Annotated[str | None, Query(max_length=40, description="a snapshot's id: the same one gives the same figures")]
Form = Annotated[Literal["json", "csv", "xlsx"], Query(alias="format")]


@dataclass(frozen=True, slots=True)
class Ground:
    """The book as a report reads it: up to a snapshot, with the policies of that day."""

    connection: Connection
    past: Snapshot
    policies: Policies

    def said(self, *names: str) -> dict[str, Any]:
        """The snapshot, and the policies of its day that the figures depend on."""
        then = self.policies.on(shanghai_day(self.past.at))
        return {"as_of": str(self.past), "taken_at": self.past.at, "policies": stated(then, *names)}


async def ground(connection: ReaderDep, policies: PoliciesNow, at: Now, as_of: AsOf = None) -> Ground:
    """The snapshot that the request names, or the present one; raises SnapshotUnknown."""
    return Ground(connection, await reports.snapshot(connection, as_of, at=at), policies)


GroundDep = Annotated[Ground, Depends(ground)]


async def answer(found: Any, form: str, item: type[BaseModel], name: str) -> Any:
    """A report as JSON, or its lines as a table; the table's last lines say which snapshot and policies it is of."""
    if form == "json":
        return found
    fields = list(item.model_fields)
    rows: list[list[Cell]] = [[_cell(getattr(line, field)) for field in fields] for line in found.items]
    rows += [[], ["as_of", found.as_of], *([policy, str(value)] for policy, value in found.policies.items())]
    content = await write_sheet(form, [f"{HEADS.get(field, '')} {field}".strip() for field in fields], rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}-{found.as_of}.{form}"'}
    return Response(content, media_type=MEDIA_TYPES[form], headers=headers)


def _cell(value: Any) -> Cell:
    return str(value) if isinstance(value, UUID) else value
