"""The page behind each problem's `type`: what it means and what to do, for people and programs."""

from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from service import problems
from service.domain.refusals import NotFound

router = APIRouter(tags=["problems"])

PAGE = """<!doctype html>
<html lang="zh">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{code}</title></head>
<body><main><h1>{title}</h1><p lang="en">{title_en}</p>
<dl><dt>code</dt><dd><code>{code}</code></dd><dt>HTTP</dt><dd>{status}</dd>{rule}</dl></main></body></html>
"""


@router.get("/problems/{code}")
async def explain_problem(request: Request, code: str) -> Response:
    """One class of refusal: its sentence in both languages, its status and its rule."""
    known = problems.codes().get(code)
    if known is None:
        raise NotFound
    members = problems.problem(known())
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse(members)
    rule = f"<dt>规则 / rule</dt><dd>{escape(members['rule'])}</dd>" if "rule" in members else ""
    shown = {name: escape(str(members[name])) for name in ("code", "title", "title_en", "status")}
    return HTMLResponse(PAGE.format(rule=rule, **shown))
