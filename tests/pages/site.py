"""The service as a browser meets it: served on a port of its own, with a story already told in it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import uvicorn
from fastapi import FastAPI

from service.actions.people import SignedIn
from service.app import create_app
from service.auth.tokens import Audience
from service.embedded import Endpoints
from service.settings import Settings
from tests import cast


@dataclass(frozen=True, slots=True)
class Site:
    """A running service."""

    app: FastAPI
    url: str

    def token(self, person: cast.Person) -> str:
        """An access token for somebody of the cast, without the cost of their password."""
        token, _ = self.app.state.people.access_token(SignedIn(person.actor, uuid4(), 1))
        return str(token)

    def cookie(self, person: cast.Person) -> str:
        """What the browser of somebody who has signed in brings along."""
        at, people = datetime.now(UTC), self.app.state.people
        return str(people._tokens.mint(person.actor, uuid4(), 1, Audience.PAGES, at=at))

    def client(self, person: cast.Person) -> httpx.Client:
        """A client of the API that acts as somebody of the cast."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.token(person)}"}, timeout=30)


@contextmanager
def served(endpoints: Endpoints, data: Path, clock: str) -> Iterator[Site]:
    """Serve an application on loopback until the end."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()  # who comes before the service is ready waits
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        app = create_app(Settings(data=data, clock=clock, public_url=url), endpoints)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
        thread.start()
        try:
            httpx.get(f"{url}/healthz", timeout=30)
            yield Site(app, url)
        finally:
            server.should_exit = True
            thread.join(10)
