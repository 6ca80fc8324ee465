"""What firms file from pages: contracts, amendments, slips, papers, and whole sheets."""

from fastapi import APIRouter

from service.routes.pages.filing import amendments, contracts, papers, sheets, slips

router = APIRouter()
for part in (contracts, amendments, slips, papers, sheets):
    router.include_router(part.router)
