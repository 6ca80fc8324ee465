"""A page for somebody who has signed in."""

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from service.auth import csrf_token
from service.db import Connection
from service.domain.permissions import Actor
from service.routes.pages.languages import language_of
from service.routes.pages.rendering import render
from service.routes.pages.returned import returned_to
from service.store import pages as reads


async def show(
    request: Request,
    connection: Connection,
    actor: Actor,
    template: str,
    **context: Any,
) -> HTMLResponse:
    """A page with the viewer's name on top and the token that its forms carry; above all why a deed was refused."""
    refused = returned_to(request).problem
    found = await reads.find_viewer(connection, actor)
    place = found and found["place" if language_of(request) == "zh" else "place_en"]
    viewer = {
        "name": found["name"] if found else "",
        "place": place or "",
        "role": actor.role.value,
        "kinds": found and found["kinds"],
    }
    return render(
        request,
        template,
        status=refused["status"] if refused else 200,
        viewer=viewer,
        refused=refused,
        csrf=csrf_token(request),
        actor=actor,
        **context,
    )
