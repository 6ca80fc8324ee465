"""Idempotency-Key on creating POSTs: the answer is stored with the deed, in one transaction."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.responses import Response
from pydantic import BaseModel

from service.db import Door
from service.domain.permissions import Actor
from service.domain.refusals import IdempotencyKeyReused, IdempotencyKeyRunning
from service.store import idempotency

KeyHeader = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a deed gives that says itself whether it has made something."""

    body: BaseModel
    status: int


class Once:
    """The request's Idempotency-Key, if it has one; `said` stands for a body that was read as a form."""

    def __init__(self, request: Request, key: str | None, said: bytes | None = None) -> None:
        self.request = request
        self.key = key
        self.said = said

    async def __call__(
        self,
        door: Door,
        actor: Actor,
        deed: Callable[[], Awaitable[BaseModel | Answer]],
        *,
        status: int = 201,
        said: bytes | None = None,
    ) -> Response:
        """Do the deed and answer with what it gives; a key answered before gets the same answer again.

        A deed that may find its work done already gives an Answer, with the status. `said` stands for the body where
        that holds a secret, whose bare hash must not be kept.
        Raises IdempotencyKeyReused (same key, other body) and IdempotencyKeyRunning (the first has not ended).
        """
        if self.key is None:
            return _response(*_answer(await deed(), status))
        path = f"{self.request.method} {self.request.url.path}"
        said = self.said if said is None else said
        body_hash = hashlib.sha256(await self.request.body() if said is None else said).digest()
        if not await idempotency.claim(door, actor.scope, path, self.key):
            raise IdempotencyKeyRunning
        if kept := await idempotency.find(door, actor.scope, path, self.key):
            if bytes(kept["body_hash"]) != body_hash:
                raise IdempotencyKeyReused
            return _response(kept["answer"], kept["status"], replayed=True)
        answer, status = _answer(await deed(), status)
        at = self.request.app.state.clock.now()
        await idempotency.keep(door, actor.scope, path, self.key, body_hash, status, answer, at=at)
        return _response(answer, status)


def _answer(given: BaseModel | Answer, status: int) -> tuple[str, int]:
    if isinstance(given, Answer):
        return given.body.model_dump_json(), given.status
    return given.model_dump_json(), status


def _response(answer: str, status: int, *, replayed: bool = False) -> Response:
    headers = {"Idempotent-Replayed": "true"} if replayed else None
    return Response(answer, status, headers, media_type="application/json")


async def _once(request: Request, key: KeyHeader = None) -> Once:
    # A coroutine: what is none, a class too, is called in another thread, which costs more than the gate and the token.
    return Once(request, key)


OnceDep = Annotated[Once, Depends(_once)]
