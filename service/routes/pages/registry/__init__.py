"""The registry for people: who there is in the office's area, each entry with its history, registering and revising it."""

from fastapi import APIRouter

from service.routes.pages.registry import entries, filling

router = APIRouter()
# What is entered comes first: `new` is no entry's id.
router.include_router(filling.router)
router.include_router(entries.router)
