"""Forms that were refused: the page on which one stands is asked for anew, with why and with what was typed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import Headers
from starlette.types import Scope

URLENCODED = "application/x-www-form-urlencoded"
# A rule, an older version, a file, a field; for other refusals there is nothing to put right in the form.
RETURNED = frozenset({409, 412, 413, 422})
# It is being done, and the form as it would be shown anew would do it a second time.
NOT_RETURNED = frozenset({"idempotency-key-running"})


@dataclass(frozen=True, slots=True)
class Returned:
    """A form that was refused: why, where it was sent, and what was typed into it."""

    problem: Mapping[str, Any]
    action: str
    typed: Mapping[str, str]

    def kept(self, action: str) -> Mapping[str, str]:
        """What was typed into the form that is sent there; nothing, if it was another."""
        return self.typed if action == self.action else {}

    def wrong(self, fields: Collection[str], beside: Mapping[str, str]) -> Mapping[str, list[str]]:
        """What is wrong with each of some fields, or `beside` it by a rule's code; under no name what is with the whole form."""
        told: dict[str, list[str]] = {}
        if field := beside.get(self.problem.get("code", "")):
            told[field] = [f"{self.problem['title']} / {self.problem['title_en']}"]
        for fault in self.problem.get("errors", ()):
            name = fault["pointer"].removeprefix("/")
            told.setdefault(name if name in fields else "", []).append(fault["detail"])
        return told


NOTHING = Returned({}, "", {})


def returned_to(request: Request) -> Returned:
    """The form that is returned to the page that is shown."""
    found: Returned = getattr(request.state, "returned", NOTHING)
    return found


def stands_on(page: str) -> Any:
    """A dependency that says on which page a form stands that has none at its own address, by the names in its path."""

    async def stand(request: Request) -> None:
        request.state.form_page = page.format_map(request.path_params)

    return Depends(stand)


def back_to(request: Request, page: str) -> RedirectResponse:
    """The list on which a form stood whose deed is done, as it was asked for: the form's address carries that."""
    return RedirectResponse(f"{page}?{request.url.query}" if request.url.query else page, 303)


def is_form(asked: Scope) -> bool:
    """Whether what is sent can be shown again as it was typed."""
    return Headers(scope=asked).get("content-type", "").startswith(URLENCODED)


def returning(asked: Scope, page: str, problem: Mapping[str, Any], body: bytes) -> Scope | None:
    """The request for the page on which a refused form stands, with what was typed; None where it is not returned there."""
    if asked["method"] != "POST" or problem["status"] not in RETURNED or problem["code"] in NOT_RETURNED:
        return None
    typed = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    return {
        **asked,
        "method": "GET",
        "path": page,
        "raw_path": page.encode(),
        "headers": [(name, value) for name, value in asked["headers"] if not name.startswith(b"content-")],
        "state": {"returned": Returned(problem, asked["path"], typed)},
    }
