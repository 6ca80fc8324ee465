"""The permission that a route asks for."""

from fastapi import Request

from service.auth.people import People, check_csrf
from service.domain.permissions import Actor, knows_of, reach
from service.domain.refusals import NotAllowed, NotFound, NotSignedIn


class Door:
    """A dependency that gives the actor, if their role may do the action; the house test reads which."""

    def __init__(self, action: str) -> None:
        self.action = action

    async def __call__(self, request: Request) -> Actor:
        people: People = request.app.state.people
        actor = await people.actor_of(request)
        if actor is None:
            raise NotSignedIn
        if reach(actor, self.action) is None:
            raise NotAllowed if knows_of(actor, self.action) else NotFound
        await check_csrf(request)
        return actor


def may(action: str) -> Door:
    """A dependency that gives the actor if their role may do the action; the action checks its own scope."""
    return Door(action)
