"""Who is asking: a bearer token or the pages' cookie, read into an Actor."""

from collections.abc import Awaitable, Callable

from fastapi import Request

from service.domain.permissions import Actor, knows_of, reach
from service.domain.refusals import NotAllowed, NotFound, NotSignedIn


class Door:
    """The permission that a route asks for; the house test reads it."""

    def __init__(self, action: str) -> None:
        self.action = action

    async def __call__(self, request: Request) -> Actor:
        actor = await request.app.state.people.actor_of(request)
        if actor is None:
            raise NotSignedIn
        if reach(actor, self.action) is None:
            raise NotAllowed if knows_of(actor, self.action) else NotFound
        return actor


def may(action: str) -> Callable[[Request], Awaitable[Actor]]:
    """A dependency that gives the actor if their role may do the action; the action checks its own scope."""
    return Door(action)
