"""Many requests, one batch: all that waits is done together, as soon as the last batch has committed."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Generic, TypeVar

import structlog

from service import metrics
from service.domain.refusals import Busy
from service.enduring import enduring, is_told_to_end
from service.problems import AWAY
from service.retrying import RolledBack, retried

# While trucks wait at scales, the slice of a large request takes about as long as two small batches. Fewer than twenty jobs cost
# nearly the same, and more than forty are sometimes slow, however quick the slice before them was.
LEAST_SLICE, MOST_SLICE = 20, 40
BATCHES_OF_FEW = 2
FEW_SEEN_SECONDS = 5.0  # after a small request, more are expected for so long
MANY_WAIT_SECONDS = 0.02  # the longest pause between slices, however many small requests there are
USUAL_SECONDS = 0.005  # of a small batch, before one was measured

log = structlog.get_logger(__name__)
Item = TypeVar("Item")
Job = TypeVar("Job")
Answer = TypeVar("Answer")


def parts(
    items: Sequence[Item], names: Callable[[Item], Iterable[Hashable]], *, at_most: int | None = None
) -> Iterator[Sequence[Item]]:
    """The items in order, in as few parts as possible such that no part has two items that share a name."""
    first, seen = 0, set[Hashable]()
    for place, item in enumerate(items):
        named = set(names(item))
        if place - first == at_most or not seen.isdisjoint(named):
            yield items[first:place]
            first, seen = place, set()
        seen |= named
    if first < len(items):
        yield items[first:]


class _Failed:
    """What a job has raised in place of an answer; an answer may itself be an exception, given as a value."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


class _Request(Generic[Job, Answer]):
    """The jobs of one caller, and the answers so far, in order."""

    __slots__ = ("answers", "done", "jobs", "left", "slice_size")

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = jobs
        self.left = len(jobs)
        self.slice_size = LEAST_SLICE
        self.answers: list[Answer | _Failed] = []
        self.done: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()

    def next_jobs(self, share: int) -> Sequence[Job]:
        """The first of the jobs that have no answer yet."""
        if share == len(self.jobs):
            return self.jobs
        return self.jobs[len(self.answers) : len(self.answers) + share]

    def take_in(self, answers: Sequence[Answer | _Failed]) -> bool:
        """Add the answers to the next jobs; gives whether these were the last.

        Then the caller gets all answers, or the first error, unless he has gone away.
        """
        self.answers += answers
        self.left -= len(answers)
        if self.left:
            return False
        if self.done.done():
            return True
        good: list[Answer] = []
        for answer in self.answers:
            if isinstance(answer, _Failed):
                self.done.set_exception(answer.error)
                return True
            good.append(answer)
        self.done.set_result(good)
        return True


class Batcher(Generic[Job, Answer]):
    """Hands waiting jobs to an action in batches. There is no timer: an idle service answers at once.

    While much waits, up to `at_once` batches run at a time and share what waits: one is computed while the database writes
    another. While little waits, it waits for the batch that runs, since a batch costs nearly the same whatever its size.

    A large request (of more than `least_beside` jobs) gives a slice of them to each batch, in turn with other large ones. While
    there are no small requests, slices are large and follow each other as fast as they can. Once there are, a slice is as long as
    two small batches, only one runs at a time, and small requests neither join it nor wait for it: they have batches of their
    own beside it. The jobs of a request keep their order. A job that was taken is done once, also when its caller has gone away
    meanwhile. `action_of_many`, where there is one, does the batches in which no request is small.

    A batch that fails is retried in halves, and these in theirs, so that only the job that cannot be done gets the error; unless
    the database is away: then all get it at once. A job that the database rolls back is retried alone, and gets Busy in the end,
    which nobody retries: others of its request may have been done.

    Where `apart` names what a job is about, two jobs about the same thing are never in one batch: the later one comes in the
    next.

    An action may do only the first of the jobs that it is given, and give their answers; the next ones come in a batch of
    their own, at once, of at most twice as many.

    An action may ask, before it ends, whether the next batch follows at once, and prepare for it; if none comes after all,
    `rest` is called.
    """

    def __init__(
        self,
        name: str,
        action: Callable[[list[Job]], Awaitable[Sequence[Answer]]],
        *,
        action_of_many: Callable[[list[Job]], Awaitable[Sequence[Answer]]] | None = None,
        at_once: int = 1,
        least_beside: int = 16,
        most_in_batch: int = 500,
        slice_size: int = 100,
        most_waiting: int = 20_000,
        apart: Callable[[Job], Iterable[Hashable]] | None = None,
        rest: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._action = action
        self._action_of_many = action_of_many or action
        self._at_once = at_once
        self._least_beside = least_beside
        self._idle = at_once
        self._most_in_batch = most_in_batch
        self._slice_size = slice_size
        self._most_waiting = most_waiting
        self._apart = apart
        self._rest = rest
        self._of_few: deque[_Request[Job, Answer]] = deque()
        self._of_many: deque[_Request[Job, Answer]] = deque()
        self._unanswered = 0
        self._under_way = 0
        self._waiting = 0
        self._few_waiting = 0
        self._few_seen_at = self._many_ended_at = float("-inf")
        self._few_seconds = USUAL_SECONDS
        self._many_under_way = 0
        self._arrived = asyncio.Event()
        self._closing = False
        self._records = metrics.BATCH_RECORDS.labels(name)
        self._seconds = metrics.BATCH_SECONDS.labels(name)
        self._reruns = metrics.BATCH_RERUNS.labels(name)
        metrics.BATCH_WAITING.labels(name).set_function(lambda: self._unanswered)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Batcher[Job, Answer]"]:
        """Work until the end of the context; what waits then is still done, what comes later is refused."""
        workers = [asyncio.create_task(self._work()) for _ in range(self._at_once)]
        try:
            yield self
        finally:
            self._closing = True
            self._arrived.set()
            await asyncio.gather(*workers)

    async def submit(self, jobs: Sequence[Job]) -> list[Answer]:
        """The answers to these jobs, in order; raises Busy when the queue is full, or what a job itself raised."""
        if not jobs:
            return []
        # A request may be larger than the room that is left, as long as the queue is not full yet.
        if self._closing or self._unanswered >= self._most_waiting:
            raise Busy
        request: _Request[Job, Answer] = _Request(jobs)
        self._unanswered += len(jobs)
        self._put(request)
        return await request.done

    def goes_on_with_few(self) -> bool:
        """Whether a small batch that ends now is followed at once by another."""
        return self._is_worth_a_batch(self._idle + 1) and (self._few_waiting > 0 or not self._is_shared())

    def goes_on_with_many(self) -> bool:
        """Whether a batch of large requests that ends now is followed at once by another."""
        return self._unanswered > self._under_way and self._few_waiting == 0

    def _put(self, request: _Request[Job, Answer]) -> None:
        if self._is_of_few(request):
            self._of_few.append(request)
            self._few_waiting += request.left
            self._few_seen_at = monotonic()
        else:
            self._of_many.append(request)
        self._waiting += request.left
        self._arrived.set()

    def _is_of_few(self, request: _Request[Job, Answer]) -> bool:
        return len(request.jobs) <= self._least_beside

    async def _work(self) -> None:
        while True:
            while not self._is_worth_a_batch(self._idle):
                if self._rest is not None:
                    with enduring("rest between batches"):
                        await self._rest()
                    if self._is_worth_a_batch(self._idle):
                        break
                if self._closing and self._unanswered == 0:
                    self._arrived.set()  # for the others that wait
                    return
                self._arrived.clear()
                await self._arrived.wait()
            is_shared = self._is_shared()
            batch = self._next_shared_batch() if is_shared else self._next_batch()
            has_many = not self._is_of_few(batch[-1][0])
            self._many_under_way += has_many
            self._idle -= 1
            jobs: list[Job] = []
            for request, share in batch:
                jobs += request.next_jobs(share)
            self._under_way += len(jobs)
            began = monotonic()
            action = self._action_of_many if has_many and not self._is_of_few(batch[0][0]) else self._action
            answers: list[Answer | _Failed] = []
            for part in parts(jobs, self._apart) if self._apart else (jobs,):
                answers += await self._run_all(action, part)
            ended = monotonic()
            self._idle += 1
            self._under_way -= len(jobs)
            self._unanswered -= len(jobs)
            if not has_many:
                self._few_seconds += (ended - began - self._few_seconds) / 10
            else:
                self._many_under_way -= 1
                self._many_ended_at = ended
                if is_shared:
                    batch[-1][0].slice_size = self._fitting_slice(batch[-1][1], ended - began)
            self._deal_out(batch, answers)

    def _is_shared(self) -> bool:
        """Whether large requests wait or run while small ones come."""
        some_have_many = bool(self._of_many or self._many_under_way)
        return some_have_many and monotonic() - self._few_seen_at < FEW_SEEN_SECONDS

    def _is_worth_a_batch(self, idle: int) -> bool:
        if idle == self._at_once:
            return self._waiting > 0
        if self._is_shared():
            return self._few_waiting >= (1 if self._many_under_way else self._least_beside)
        return self._waiting >= self._least_beside

    def _next_shared_batch(self) -> list[tuple[_Request[Job, Answer], int]]:
        """All small requests; and the next slice of a large one where there are none, or where the last slice was long ago."""
        batch = []
        room = self._most_in_batch
        while self._of_few and room > 0:
            request = self._take(self._of_few)
            batch.append((request, min(request.left, room)))
            room -= request.left
        is_their_turn = not batch or monotonic() - self._many_ended_at > MANY_WAIT_SECONDS
        if self._of_many and not self._many_under_way and is_their_turn:
            request = self._take(self._of_many)
            batch.append((request, min(request.left, request.slice_size, self._slice_size)))
        return batch

    def _fitting_slice(self, size: int, seconds: float) -> int:
        """How large the next slice of a request should be, when this one took so long; it grows slowly and shrinks fast."""
        fitting = size * min(max(BATCHES_OF_FEW * self._few_seconds / seconds, 0.4), 1.3)
        return round(min(max(fitting, LEAST_SLICE), MOST_SLICE))

    def _next_batch(self) -> list[tuple[_Request[Job, Answer], int]]:
        """How many jobs of which request: small ones whole, then a slice of each large one in turn; of one that is alone, as many
        as there is room for."""
        if len(self._of_few) + len(self._of_many) == 1:
            room = slice_size = self._most_in_batch
        else:
            sharing = self._idle if self._waiting >= 2 * self._least_beside else 1
            room = min(self._most_in_batch, -(-self._waiting // sharing))
            slice_size = self._slice_size
        batch = []
        while room > 0 and (waiting := self._of_few or self._of_many):
            request = self._take(waiting)
            share = min(request.left, slice_size, room)
            batch.append((request, share))
            room -= share
        return batch

    def _take(self, waiting: deque[_Request[Job, Answer]]) -> _Request[Job, Answer]:
        request = waiting.popleft()
        self._waiting -= request.left
        if waiting is self._of_few:
            self._few_waiting -= request.left
        return request

    async def _run_all(
        self, action: Callable[[list[Job]], Awaitable[Sequence[Answer]]], jobs: Sequence[Job]
    ) -> Sequence[Answer | _Failed]:
        answers: list[Answer | _Failed] = []
        left = jobs
        while left:
            some = await self._run(action, left)
            answers += some
            left = jobs[len(answers) :][: 2 * len(some)]
        return answers

    async def _run(
        self, action: Callable[[list[Job]], Awaitable[Sequence[Answer]]], jobs: Sequence[Job]
    ) -> Sequence[Answer | _Failed]:
        self._records.observe(len(jobs))
        try:
            with self._seconds.time():
                return await (action(list(jobs)) if len(jobs) > 1 else retried(lambda: action(list(jobs))))
        except asyncio.CancelledError:
            if is_told_to_end():
                raise
            log.warning("A batch was cancelled by what it waited for", exc_info=True)
            return [_Failed(Busy())] * len(jobs)
        except RolledBack:
            return [_Failed(Busy())]
        except Exception as error:  # whoever asked hears of it
            if len(jobs) == 1 or isinstance(error, (Busy, *AWAY)):
                return [_Failed(error)] * len(jobs)
        self._reruns.inc()
        half = len(jobs) // 2
        return [*await self._run_all(action, jobs[:half]), *await self._run_all(action, jobs[half:])]

    def _deal_out(self, batch: list[tuple[_Request[Job, Answer], int]], answers: Sequence[Answer | _Failed]) -> None:
        place = 0
        for request, share in batch:
            if not request.take_in(answers[place : place + share]):
                self._put(request)
            place += share
