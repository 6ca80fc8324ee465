"""What people see in a browser: routes like any other, answered with pages.

An address names its file: `/runs` is `runs.py` with `templates/runs.html` (the list), `run.html` (one) and `run_form.html`;
what firms file under a contract or slip is in `filing/`, who there is in `registry/`. `menu.py` has the menu, `words.py`
the words for codes, `translations/zh.po` the Chinese. All pages are shown by `pages.py` in the frame
`templates/base.html`; forms that say beside each field what is wrong with it are read by `typed.py`, and all that are refused
are returned to their pages by `returned.py`.
"""

from fastapi import APIRouter, Depends, FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

from service.routes.pages import (
    alerts,
    allotments,
    assessments,
    codes,
    compositions,
    contracts,
    deadlines,
    devices,
    filing,
    forms,
    investigations,
    ledgers,
    lots,
    mines,
    overview,
    plates,
    policies,
    registry,
    runs,
    samples,
    sessions,
    station,
    stations,
    statistics,
    stocktakes,
    submissions,
    ticket_deeds,
    tickets,
    weighings,
)
from service.routes.pages.faces import Faces
from service.routes.pages.rendering import STATIC
from service.routes.pages.typed import take_form_in

YEAR_SECONDS = 365 * 24 * 3600
SLICES = (
    sessions, overview, registry, investigations, compositions,
    mines, allotments, filing, contracts, ticket_deeds, tickets, lots, runs, stocktakes, deadlines, policies,
    forms, statistics, ledgers, assessments, samples, submissions, alerts, stations, weighings, devices,
    plates, codes,
    station,
)  # fmt: skip
PAGES = APIRouter(include_in_schema=False, dependencies=[Depends(take_form_in)])
for one in SLICES:
    PAGES.include_router(one.router)


class _Static(StaticFiles):
    """Files whose address changes with their bytes: a browser asks for each once."""

    def file_response(self, full_path, stat_result, scope: Scope, status_code: int = 200):  # type: ignore[no-untyped-def]
        answer = super().file_response(full_path, stat_result, scope, status_code)
        if b"v=" in scope["query_string"]:
            answer.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
        return answer


def install(app: FastAPI) -> None:
    """Give an application its pages; must come after its other middleware, since it stands before all of it."""
    app.router.routes.extend(PAGES.routes)
    app.mount("/static", _Static(directory=STATIC), name="static")
    app.add_middleware(Faces)
