"""Reports as of a snapshot: a mine's three ledgers, and the statistics of a county's quarter (R19, R20, E53)."""

from fastapi import APIRouter

from service.routes.reports import ledgers, quarters

router = APIRouter(prefix="/v1/reports", tags=["reports"])
for part in (ledgers, quarters):
    router.include_router(part.router)
