"""Filings that come one by one: those that wait together are filed in one transaction, each with an answer of its own."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, TypeVar

from fastapi.responses import Response
from starlette.datastructures import State

from service.batcher import Batcher
from service.db import Connection
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.refusals import Refusal
from service.routes.idempotency import Answer, Asked, Once, Said, each_once, response_of

# The papers, and where kilograms move the book, are held until the last answer of a batch is written.
MOST_IN_BATCH = 50


class Paper(Protocol):
    """An order for a paper."""

    @property
    def actor(self) -> Actor:
        """Who orders it."""

    @property
    def key(self) -> Hashable | None:
        """What is known by its number; None where the service gives it one."""


Order = TypeVar("Order", bound=Paper)
Filed = tuple[Order, Asked | None]
File = Callable[[Connection, Sequence[Order], Policies, datetime], Awaitable[Sequence[Answer | Refusal]]]
Filings = Batcher[Filed[Order], Said | Refusal]


def filing_batcher(
    state: State,
    name: str,
    file: File[Order],
    *,
    most_in_batch: int = MOST_IN_BATCH,
    slice_size: int = MOST_IN_BATCH,
    is_steady: bool = False,
) -> AbstractAsyncContextManager[Filings[Order]]:
    """A batcher of this process: what waits is filed in one transaction, but never two sides of one paper, or one key twice.

    A steady one's sentences are planned once for all batches.
    """
    opened = state.database.steady_transaction if is_steady else state.database.transaction

    async def run(batch: list[Filed[Order]]) -> list[Said | Refusal]:
        at = state.clock.now()
        policies = await state.rulebook.policies(at)
        async with opened() as connection:

            async def deed(places: Sequence[int]) -> Sequence[Answer | Refusal]:
                return await file(connection, [batch[place][0] for place in places], policies, at)

            return await each_once(connection, [asked for _, asked in batch], deed, at=at)

    def names(filed: Filed[Order]) -> list[Hashable]:
        order, asked = filed
        return [name for name in (order.key, asked and asked.mark) if name is not None]

    return Batcher(name, run, most_in_batch=most_in_batch, slice_size=slice_size, apart=names).running()


async def file_one(filings: Filings[Order], once: Once, order: Order) -> Response:
    """The answer to a filing, once for each Idempotency-Key."""
    (told,) = await filings.submit([(order, await once.asked(order.actor))])
    return response_of(told)
