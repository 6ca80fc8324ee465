"""The page behind each problem's `type`: what it means and what to do, for people and programs."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from service import problems
from service.domain.refusals import NotFound
from service.routes.pages.rendering import render

router = APIRouter(tags=["problems"])


@router.get("/problems/{code}")
async def explain_problem(request: Request, code: str) -> Response:
    """One class of refusal: its sentence in both languages, its status and its rule."""
    known = problems.codes().get(code)
    if known is None:
        raise NotFound
    members = problems.problem(known())
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse(members)
    return render(request, "explanation.html", problem=members)
