"""The application: its parts put together, and the order in which a request passes them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from service import problems
from service.clock import Clock
from service.db import Database
from service.embedded import Endpoints
from service.settings import Settings


def create_app(settings: Settings, endpoints: Endpoints) -> FastAPI:
    """The service over running servers."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.database = await stack.enter_async_context(
                Database.connect(endpoints.database_url, settings.pool_size)
            )
            yield

    app = FastAPI(title="镁溯 Meisu", version="0.1.0", lifespan=lifespan)
    app.state.settings = settings
    app.state.clock = Clock(settings.clock)
    problems.install(app)
    return app
