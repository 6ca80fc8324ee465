"""Many requests, one batch."""

import asyncio
from collections.abc import Sequence

import pytest
from asyncpg import AdminShutdownError, DeadlockDetectedError, TooManyConnectionsError

from service.batcher import Batcher
from service.domain.refusals import Busy
from service.retrying import TRIES

pytestmark = pytest.mark.anyio


class Book:
    """An action that writes down its batches; it waits while `gate` is closed, and chokes on negative jobs."""

    def __init__(self, choke: BaseException | None = None) -> None:
        self.choke = choke
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, jobs: list[int]) -> Sequence[int]:
        await self.gate.wait()
        self.batches.append(jobs)
        await asyncio.sleep(0)
        if any(job < 0 for job in jobs):
            raise self.choke or ValueError(jobs)
        return [job * 10 for job in jobs]


async def settled() -> None:
    """All that can go on without the gate has gone on, however slow the machine is: nothing here waits for a time."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_an_idle_batcher_answers_at_once() -> None:
    book = Book()
    async with Batcher("idle", book).running() as batcher:
        assert await batcher.submit([1, 2]) == [10, 20]
    assert book.batches == [[1, 2]]


async def test_what_waits_while_a_batch_runs_is_one_batch() -> None:
    book = Book()
    book.gate.clear()
    async with Batcher("waits", book).running() as batcher:
        first = asyncio.create_task(batcher.submit([0]))
        await settled()
        others = [asyncio.create_task(batcher.submit([job])) for job in range(1, 65)]
        await settled()
        book.gate.set()
        answers = await asyncio.gather(first, *others)
    assert answers == [[job * 10] for job in range(65)]
    assert [len(batch) for batch in book.batches] == [1, 64]


async def test_single_jobs_have_batches_of_their_own_between_short_slices_of_a_large_request() -> None:
    book = Book()
    book.gate.clear()
    async with Batcher("fair", book, most_in_batch=100, slice_size=40).running() as batcher:
        large = asyncio.create_task(batcher.submit(range(1_000)))
        await settled()
        singles = [asyncio.create_task(batcher.submit([5_000 + job])) for job in range(10)]
        await settled()
        book.gate.set()
        await asyncio.gather(*singles)
        assert await large == [job * 10 for job in range(1_000)]
    assert book.batches[1] == list(range(5_000, 5_010)), "the next batch after the one that ran, and nothing else in it"
    assert max(map(len, book.batches[2:])) <= 40, "where somebody came lately, slices stay short"
    assert [job for batch in book.batches for job in batch if job < 5_000] == list(range(1_000))


async def test_a_single_job_does_not_wait_for_the_slice_under_way_and_no_second_one_begins() -> None:
    begun: list[list[int]] = []
    gate = asyncio.Event()

    async def action(jobs: list[int]) -> Sequence[int]:
        begun.append(jobs)
        if jobs[0] < 5_000:
            await gate.wait()
        return jobs

    async with Batcher("beside", action, at_once=2).running() as batcher:
        await batcher.submit([5_000])
        large = [asyncio.create_task(batcher.submit(range(start, start + 100))) for start in (0, 100)]
        await settled()
        assert await batcher.submit([5_001]) == [5_001]
        assert begun == [[5_000], list(range(20)), [5_001]]
        gate.set()
        await asyncio.gather(*large)


async def test_what_is_many_has_an_action_of_its_own_in_which_nobody_has_few() -> None:
    of_few, of_many = Book(), Book()
    of_few.gate.clear()
    async with Batcher("patient", of_few, action_of_many=of_many, most_in_batch=100).running() as batcher:
        few = asyncio.create_task(batcher.submit([5_000]))
        await settled()
        large = [asyncio.create_task(batcher.submit(range(start, start + 100))) for start in (0, 100)]
        await settled()
        of_few.gate.set()
        assert [await few, *await asyncio.gather(*large)] == [
            [50_000],
            [job * 10 for job in range(100)],
            [job * 10 for job in range(100, 200)],
        ]
    assert of_few.batches == [[5_000]]
    assert sum(map(len, of_many.batches)) == 200


async def test_however_many_single_jobs_come_a_large_request_goes_on() -> None:
    async def slow(jobs: list[int]) -> Sequence[int]:
        await asyncio.sleep(0.005)
        return jobs

    async with Batcher("goes on", slow).running() as batcher:

        async def scale(number: int) -> None:
            while not large.done():
                await batcher.submit([5_000 + number])

        large = asyncio.create_task(batcher.submit(range(200)))
        await asyncio.gather(*(scale(number) for number in range(30)))
        assert await large == list(range(200))


async def test_several_large_requests_share_each_batch() -> None:
    book = Book()
    book.gate.clear()
    async with Batcher("share", book, most_in_batch=100, slice_size=40).running() as batcher:
        large = [asyncio.create_task(batcher.submit([job] * 200)) for job in range(4)]
        await settled()
        book.gate.set()
        await asyncio.gather(*large)
    assert sum(map(len, book.batches)) == 800
    assert [len(set(batch)) for batch in book.batches[:3]] == [3, 3, 3]


async def test_a_single_job_goes_before_however_many_large_requests() -> None:
    book = Book()
    book.gate.clear()
    async with Batcher("few", book, most_in_batch=100, slice_size=40).running() as batcher:
        requests = [asyncio.create_task(batcher.submit([job] * 200)) for job in range(41)]
        await settled()
        requests.append(asyncio.create_task(batcher.submit([5_000])))
        await settled()
        book.gate.set()
        await asyncio.gather(*requests)
    assert book.batches[1] == [5_000], "the next batch after the one that ran"


async def test_what_waits_is_shared_among_those_that_may_be_under_way_at_once() -> None:
    book = Book()
    book.gate.clear()
    async with Batcher("two", book, at_once=2, most_in_batch=40, slice_size=10).running() as batcher:
        singles = [asyncio.create_task(batcher.submit([job])) for job in range(64)]
        await settled()
        large = asyncio.create_task(batcher.submit(range(100, 190)))
        await settled()
        book.gate.set()
        answers = await asyncio.gather(*singles)
        assert await large == [job * 10 for job in range(100, 190)]
    assert answers == [[job * 10] for job in range(64)]
    assert [len(batch) for batch in book.batches[:2]] == [32, 32]
    assert [job for batch in book.batches for job in batch if job >= 100] == list(range(100, 190)), "in its order"


async def test_little_waits_for_the_batch_under_way() -> None:
    book = Book()
    book.gate.clear()
    async with Batcher("little", book, at_once=2, least_beside=3).running() as batcher:
        requests = [asyncio.create_task(batcher.submit([0]))]
        await settled()
        requests += [asyncio.create_task(batcher.submit([job])) for job in (1, 2)]
        await settled()
        book.gate.set()
        assert await asyncio.gather(*requests) == [[0], [10], [20]]
    assert book.batches == [[0], [1, 2]]


async def test_who_has_gone_is_not_answered_and_the_others_are() -> None:
    book = Book()
    async with Batcher("gone", book, at_once=2).running() as batcher:
        callers = [asyncio.create_task(batcher.submit([job])) for job in range(4)]
        await asyncio.sleep(0)
        callers[1].cancel()
        found = await asyncio.gather(*callers, return_exceptions=True)
    assert [one for one in found if not isinstance(one, asyncio.CancelledError)] == [[0], [20], [30]]
    assert sorted(job for batch in book.batches for job in batch) == [0, 1, 2, 3]


async def test_a_full_queue_says_that_it_is_busy() -> None:
    book = Book()
    book.gate.clear()
    async with Batcher("full", book, most_waiting=10).running() as batcher:
        waiting = asyncio.create_task(batcher.submit(range(10)))
        await settled()
        with pytest.raises(Busy):
            await batcher.submit([11])
        book.gate.set()
        assert len(await waiting) == 10
        assert await batcher.submit([11]) == [110]


async def test_one_bad_job_fails_alone() -> None:
    book = Book()
    book.gate.clear()
    async with Batcher("bad", book).running() as batcher:
        requests = [asyncio.create_task(batcher.submit([job])) for job in (1, -2, 3)]
        await settled()
        book.gate.set()
        good, bad, also_good = await asyncio.gather(*requests, return_exceptions=True)
    assert (good, also_good) == ([10], [30])
    assert isinstance(bad, ValueError)
    assert book.batches == [[1, -2, 3], [1], [-2, 3], [-2], [3]]


async def test_one_bad_job_among_hundreds_costs_a_few_batches_more() -> None:
    book = Book()
    book.gate.clear()
    async with Batcher("hundreds", book).running() as batcher:
        requests = [asyncio.create_task(batcher.submit([-job if job == 250 else job])) for job in range(400)]
        await settled()
        book.gate.set()
        answers = await asyncio.gather(*requests, return_exceptions=True)
    assert [job for job, answer in enumerate(answers) if answer != [job * 10]] == [250]
    assert len(book.batches) < 20
    assert sorted({job for batch in book.batches for job in batch}, key=abs) == [*range(250), -250, *range(251, 400)]


@pytest.mark.parametrize(
    "trouble", [Busy, TooManyConnectionsError, AdminShutdownError, ConnectionResetError, TimeoutError]
)
async def test_trouble_of_our_own_is_told_to_all_and_not_repeated(trouble: type[Exception]) -> None:
    book = Book(trouble())
    async with Batcher("trouble", book).running() as batcher:
        with pytest.raises(trouble):
            await batcher.submit([1, -1])
        assert await batcher.submit([1]) == [10]
    assert book.batches == [[1, -1], [1]]


async def test_a_batch_that_is_cancelled_by_what_it_waits_for_does_not_end_the_work() -> None:
    """A driver may end what it was asked for so, when its connection is lost; the caller comes again."""
    book = Book(asyncio.CancelledError())
    async with Batcher("cancelled", book).running() as batcher, asyncio.timeout(5):
        with pytest.raises(Busy):
            await batcher.submit([1, -1])
        assert await batcher.submit([1]) == [10]


async def test_a_rest_that_fails_does_not_end_the_work() -> None:
    async def rest() -> None:
        raise ValueError("nobody has foreseen this")

    async with Batcher("rest", Book(), rest=rest).running() as batcher, asyncio.timeout(5):
        assert await batcher.submit([1]) == [10]
        await settled()
        assert await batcher.submit([2]) == [20]


async def test_a_job_is_done_once_when_its_caller_goes_away() -> None:
    book = Book()
    book.gate.clear()
    async with Batcher("gone", book).running() as batcher:
        gone = asyncio.create_task(batcher.submit([1]))
        stays = asyncio.create_task(batcher.submit([2]))
        await settled()
        gone.cancel()
        await settled()
        book.gate.set()
        assert await stays == [20]
    assert sorted(job for batch in book.batches for job in batch) == [1, 2]


async def test_what_waits_at_the_end_is_still_done() -> None:
    book = Book()
    book.gate.clear()
    batcher = Batcher("end", book, most_in_batch=3)
    async with batcher.running():
        waiting = asyncio.create_task(batcher.submit(range(10)))
        await settled()
        book.gate.set()
    assert await waiting == [job * 10 for job in range(10)]
    with pytest.raises(Busy):
        await batcher.submit([1])


@pytest.mark.parametrize("times", [TRIES - 1, TRIES])
async def test_a_job_that_the_database_has_ended_for_another_is_done_anew_by_itself(times: int) -> None:
    ended: list[int] = []

    async def action(jobs: list[int]) -> Sequence[int]:
        if 3 in jobs and (len(jobs) > 1 or len(ended) < times):
            ended.extend([3] * (len(jobs) == 1))
            raise DeadlockDetectedError("two wait for each other")
        return jobs

    async with Batcher("ended", action).running() as batcher:
        others = [asyncio.create_task(batcher.submit([job])) for job in range(8)]
        answers = await asyncio.gather(*others, return_exceptions=True)
    told = [*answers[:3], *answers[4:]]
    assert told == [[0], [1], [2], [4], [5], [6], [7]]
    assert isinstance(answers[3], Busy) if times == TRIES else answers[3] == [3]


async def test_what_an_action_has_left_is_done_next_in_order_and_twice_as_many_at_most() -> None:
    """Even jobs are not done with others; one that fails afterwards does not have those done again."""
    done: list[list[int]] = []

    async def action(jobs: list[int]) -> Sequence[int]:
        alone = next((place for place, job in enumerate(jobs) if job % 2 == 0), len(jobs))
        some = jobs[: max(1, alone)]
        if some == [6]:
            raise ValueError(some)
        done.append(some)
        return [job * 10 for job in some]

    async with Batcher("test", action).running() as batcher:
        assert await batcher.submit([1, 3, 2, 5, 7, 9]) == [10, 30, 20, 50, 70, 90]
        with pytest.raises(ValueError, match="6"):
            await batcher.submit([11, 6, 13])

    assert done == [[1, 3], [2], [5, 7], [9], [11], [13]]
