"""Many requests, one batch: all that waits is done at once, as soon as the last batch has committed."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from service import metrics
from service.domain.refusals import Busy

Job = TypeVar("Job")
Answer = TypeVar("Answer")


class _Failed:
    """What a job has raised in place of an answer; an answer may itself be an exception, told as a value."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


class _Request(Generic[Job, Answer]):
    """The jobs of one caller, and the answers so far, in order."""

    __slots__ = ("answers", "done", "jobs")

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = jobs
        self.answers: list[Answer | _Failed] = []
        self.done: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()

    @property
    def left(self) -> int:
        """How many jobs have no answer yet."""
        return len(self.jobs) - len(self.answers)

    def next_jobs(self, share: int) -> Sequence[Job]:
        """The first of those that have no answer yet."""
        return self.jobs[len(self.answers) : len(self.answers) + share]

    def finish(self) -> None:
        """Tell the caller: all answers, or the first failure."""
        good: list[Answer] = []
        for answer in self.answers:
            if isinstance(answer, _Failed):
                self.done.set_exception(answer.error)
                return
            good.append(answer)
        self.done.set_result(good)


class Batcher(Generic[Job, Answer]):
    """Hands waiting jobs to an action in batches, one at a time: there is no timer, so an idle service answers at once.

    A request of many jobs gives a slice of them to each batch, in order, so that single jobs behind it are not held up.
    A job that was taken is done once, also when its caller has gone away meanwhile.
    """

    def __init__(
        self,
        name: str,
        action: Callable[[list[Job]], Awaitable[Sequence[Answer]]],
        *,
        most_in_batch: int = 500,
        slice_size: int = 100,
        most_waiting: int = 20_000,
        rerun_on: tuple[type[Exception], ...] = (),
    ) -> None:
        self._action = action
        self._most_in_batch = most_in_batch
        self._slice_size = slice_size
        self._most_waiting = most_waiting
        self._rerun_on = rerun_on
        self._requests: deque[_Request[Job, Answer]] = deque()
        self._waiting = 0
        self._arrived = asyncio.Event()
        self._closing = False
        self._name = name

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Batcher[Job, Answer]"]:
        """Work until the end of the context; what waits then is still done, what comes then is refused."""
        worker = asyncio.create_task(self._work())
        try:
            yield self
        finally:
            self._closing = True
            self._arrived.set()
            await worker

    async def submit(self, jobs: Sequence[Job]) -> list[Answer]:
        """The answers to these jobs, in order; raises Busy when too much waits already, or what a job itself raised."""
        if not jobs:
            return []
        # One request may be larger than what is left, as long as others have not filled the queue before it.
        if self._closing or self._waiting >= self._most_waiting:
            raise Busy
        request = _Request[Job, Answer](jobs)
        self._requests.append(request)
        self._waiting += len(jobs)
        self._arrived.set()
        return await asyncio.shield(request.done)

    async def _work(self) -> None:
        while self._requests or not self._closing:
            if not self._requests:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            batch = self._next_batch()
            jobs = [job for request, share in batch for job in request.next_jobs(share)]
            answers = await self._run(jobs)
            self._waiting -= len(jobs)
            self._deal_out(batch, answers)

    def _next_batch(self) -> list[tuple[_Request[Job, Answer], int]]:
        """How many jobs of which request: a slice of each in turn; of one that is alone, as many as there is room for."""
        if len(self._requests) == 1:
            request = self._requests.popleft()
            return [(request, min(request.left, self._most_in_batch))]
        batch = []
        room = self._most_in_batch
        while room and self._requests:
            request = self._requests.popleft()
            share = min(request.left, self._slice_size, room)
            batch.append((request, share))
            room -= share
        return batch

    async def _run(self, jobs: list[Job]) -> Sequence[Answer | _Failed]:
        metrics.BATCH_RECORDS.labels(self._name).observe(len(jobs))
        try:
            with metrics.BATCH_SECONDS.labels(self._name).time():
                return await self._action(jobs)
        except self._rerun_on as error:
            if len(jobs) == 1:
                return [_Failed(error)]
        except Exception as error:  # each caller hears of it
            return [_Failed(error)] * len(jobs)
        metrics.BATCH_RERUNS.labels(self._name).inc()
        return [(await self._run([job]))[0] for job in jobs]

    def _deal_out(self, batch: list[tuple[_Request[Job, Answer], int]], answers: Sequence[Answer | _Failed]) -> None:
        place = 0
        for request, share in batch:
            request.answers += answers[place : place + share]
            place += share
            if request.left:
                self._requests.append(request)
            else:
                request.finish()
