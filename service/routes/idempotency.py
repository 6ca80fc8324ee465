"""Idempotency-Key on creating POSTs: the answer is stored with the deed, in one transaction."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import Depends, Header, Request
from fastapi.responses import Response
from pydantic import BaseModel

from service.db import Door
from service.domain.permissions import Actor
from service.domain.refusals import IdempotencyKeyReused, IdempotencyKeyRunning, Refusal
from service.store import idempotency
from service.store.idempotency import Kept, Mark

KeyHeader = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a deed gives that says itself whether it has made something."""

    body: BaseModel
    status: int


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as it goes out, and is kept."""

    text: str
    status: int
    is_replayed: bool = False

    @property
    def id(self) -> UUID:
        """Of what the answer shows."""
        return UUID(orjson.loads(self.text)["id"])


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with a key, and the hash of its body."""

    mark: Mark
    body_hash: bytes

    def part(self, number: int) -> "Asked":
        """One line of what the request asks for, which is answered by itself."""
        return replace(self, mark=replace(self.mark, door=f"{self.mark.door} {number}"))


async def each_once(
    door: Door,
    asked: Sequence[Asked | None],
    deed: Callable[[Sequence[int]], Awaitable[Sequence[Answer | Refusal]]],
    *,
    at: datetime,
) -> list[Said | Refusal]:
    """Do the deeds of some requests, by their places, and give what each is answered; no two of them have the same key.

    A key answered before gets the same answer again. Refused are IdempotencyKeyReused (same key, other body) and
    IdempotencyKeyRunning (the first has not ended); what the deed refuses is not kept.
    """
    marks = [one.mark for one in asked if one]
    claimed = await idempotency.claim(door, marks) if marks else set()
    kept = await idempotency.find(door, claimed)
    told: dict[int, Said | Refusal] = {}
    for place, one in enumerate(asked):
        if one is None:
            continue
        if one.mark not in claimed:
            told[place] = IdempotencyKeyRunning()
        elif known := kept.get(one.mark):
            is_same = known.body_hash == one.body_hash
            told[place] = Said(known.answer, known.status, is_replayed=True) if is_same else IdempotencyKeyReused()
    fresh = [place for place in range(len(asked)) if place not in told]
    done = await deed(fresh) if fresh else []
    answered = []
    for place, answer in zip(fresh, done, strict=True):
        if isinstance(answer, Refusal):
            told[place] = answer
            continue
        told[place] = said = Said(answer.body.model_dump_json(), answer.status)
        if one := asked[place]:
            answered.append((one.mark, Kept(one.body_hash, said.status, said.text)))
    await idempotency.keep(door, answered, at=at)
    return [told[place] for place in range(len(asked))]


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

        async def do(_: Sequence[int]) -> list[Answer]:
            done = await deed()
            return [done if isinstance(done, Answer) else Answer(done, status)]

        asked = await self.asked(actor, said)
        (told,) = await each_once(door, [asked], do, at=self.request.app.state.clock.now())
        return response_of(told)

    async def asked(self, actor: Actor, said: bytes | None = None) -> Asked | None:
        """The key with what it came with, if there is one."""
        if self.key is None:
            return None
        said = self.said if said is None else said
        body_hash = hashlib.sha256(await self.request.body() if said is None else said).digest()
        return Asked(Mark(actor.scope, f"{self.request.method} {self.request.url.path}", self.key), body_hash)


def response_of(told: Said | Refusal) -> Response:
    """An answer as a response; a refusal is raised."""
    if isinstance(told, Refusal):
        raise told
    headers = {"Idempotent-Replayed": "true"} if told.is_replayed else None
    return Response(told.text, told.status, headers, media_type="application/json")


async def _once(request: Request, key: KeyHeader = None) -> Once:
    # A coroutine: what is none, a class too, is called in another thread, which costs more than the gate and the token.
    return Once(request, key)


OnceDep = Annotated[Once, Depends(_once)]
