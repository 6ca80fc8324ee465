"""The application: its parts put together, and the order in which a request passes them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from service import problems
from service.auth import People
from service.cache import Cache
from service.chores import chores
from service.clock import Clock
from service.db import Database
from service.embedded import Endpoints
from service.embedded.folders import servers_place
from service.gate import Gate
from service.keys import KeyRing
from service.retrying import Retrying
from service.routes import (
    alerts,
    allotments,
    amendments,
    applications,
    assessments,
    attachments,
    bulk,
    calendar,
    compositions,
    contracts,
    deadlines,
    devices,
    enterprises,
    forms,
    grades,
    health,
    heartbeats,
    investigations,
    jurisdictions,
    lines,
    log,
    lots,
    mines,
    movements,
    origins,
    pages,
    people,
    plates,
    policies,
    projects,
    proofs,
    provenance,
    quotas,
    reports,
    rights,
    runs,
    samples,
    slips,
    stations,
    stocks,
    stocktakes,
    tickets,
    token,
    watch,
    weighed,
    weighings,
)
from service.routes import problems as problem_pages
from service.routes.exports import Exports
from service.rulebook import Rulebook
from service.settings import Settings
from service.vault import Vault

# A request is held against each in turn: the busiest come first.
ROUTERS = (
    weighings.router,
    weighed.router,
    tickets.router,
    health.router,
    problem_pages.router,
    token.router,
    people.router,
    jurisdictions.router,
    enterprises.router,
    mines.router,
    watch.router,
    stations.router,
    devices.router,
    heartbeats.router,
    lines.router,
    projects.router,
    stocks.router,
    allotments.router,
    applications.router,
    rights.router,
    quotas.router,
    contracts.router,
    amendments.router,
    grades.router,
    origins.router,
    *attachments.routers,
    bulk.router,
    slips.router,
    runs.router,
    stocktakes.router,
    lots.router,
    investigations.router,
    plates.router,
    policies.router,
    calendar.router,
    deadlines.router,
    assessments.router,
    assessments.merit_router,
    reports.router,
    forms.router,
    samples.router,
    movements.router,
    provenance.router,
    compositions.router,
    alerts.router,
    log.router,
    proofs.router,
)


def create_app(settings: Settings, endpoints: Endpoints) -> FastAPI:
    """The service over running servers."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state = app.state
        async with AsyncExitStack() as stack:
            state.database = await stack.enter_async_context(
                Database.connect(
                    endpoints.database_url,
                    settings.pool_size,
                    files=None if settings.database_url else servers_place(settings.data),
                )
            )
            state.cache = await stack.enter_async_context(Cache.connect(endpoints.redis_url))
            state.keys = KeyRing.open(settings.data, state.clock.now())
            state.people = await stack.enter_async_context(
                People.know(state.database, state.cache, state.keys, endpoints.redis_url, settings)
            )
            state.rulebook = await stack.enter_async_context(Rulebook.open(endpoints.database_url))
            state.weighings = await stack.enter_async_context(weighings.weighing_batcher(state))
            state.contracts = await stack.enter_async_context(contracts.contract_batcher(state))
            state.slips = await stack.enter_async_context(slips.slip_batcher(state))
            state.issuing = await stack.enter_async_context(tickets.issuing_batcher(state))
            await stack.enter_async_context(
                chores(state.database, state.cache.commands, state.clock, state.rulebook, state.keys)
            )
            yield

    # The stock pages for /docs load scripts from elsewhere; the document itself is enough.
    app = FastAPI(title="镁溯 Meisu", version="0.1.0", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.settings = settings
    app.state.clock = Clock(settings.clock)
    app.state.vault = Vault(settings.data / "attachments")
    app.add_middleware(Retrying)
    app.add_middleware(Exports)
    app.add_middleware(
        Gate,
        body_limit_bytes=settings.body_limit_bytes,
        upload_limit_bytes=settings.upload_limit_bytes,
        secure=settings.public_url.startswith("https://"),
    )
    problems.install(app)
    # Not `include_router`: that copies every route, and works its parameters out anew for each application.
    for router in ROUTERS:
        app.router.routes.extend(router.routes)
    pages.install(app)
    return app
