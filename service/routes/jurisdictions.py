"""The provinces, cities and counties of GB/T 2260."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from service.db import SessionDep
from service.routes.entries import ReaderActor
from service.store import registry

router = APIRouter(prefix="/v1/jurisdictions", tags=["registry"])


class JurisdictionOut(BaseModel):
    """One jurisdiction."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    name: str
    name_en: str
    level: Literal["province", "city", "county"]
    parent: str | None


class JurisdictionsOut(BaseModel):
    """All jurisdictions, by their codes."""

    items: list[JurisdictionOut]
    next: None = None


@router.get("")
async def list_jurisdictions(session: SessionDep, _actor: ReaderActor) -> JurisdictionsOut:
    """All of them: they are few."""
    rows = await registry.jurisdictions(session)
    return JurisdictionsOut(items=[JurisdictionOut.model_validate(row) for row in rows])
