"""Overdraw episodes (O02)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from service.domain.overdraws import Cause, Change, Overdraw, episodes

FRIDAY = datetime(2026, 3, 6, 9, tzinfo=UTC)
MONDAY = FRIDAY + timedelta(days=3)
PAIZHAI = 7


def change(
    seq: int, debt_kg: int, *, act: int | None = None, account: int = PAIZHAI, cause: Cause = Cause.LOAD
) -> Change:
    return Change(account, seq if act is None else act, seq, UUID(int=seq), debt_kg, cause, FRIDAY)


def only(found: list[Overdraw]) -> Overdraw:
    (episode,) = found
    return episode


def test_the_act_that_owes_first_opens_an_episode() -> None:
    episode = only(episodes({}, [change(3, 20), change(4, 30, cause=Cause.SLIP)], recorded_at=MONDAY))

    assert (episode.cause, episode.opened_act, episode.opened_by) == (Cause.LOAD, 3, UUID(int=3))
    assert (episode.debt_kg, episode.peak_kg, episode.is_open) == (50, 50, True)
    assert (episode.occurred_at, episode.discovered_at) == (FRIDAY, MONDAY)


def test_the_act_that_pays_the_last_kilogram_closes_it_and_the_peak_stays() -> None:
    opened = only(episodes({}, [change(3, 20)], recorded_at=FRIDAY))
    closed = only(episodes({PAIZHAI: opened}, [change(5, 10), change(6, -25), change(7, -5)], recorded_at=MONDAY))

    assert (closed.debt_kg, closed.peak_kg, closed.closed_act) == (0, 30, 7)
    assert (closed.covered_by, closed.closed_at) == (UUID(int=7), MONDAY)


def test_what_an_act_owes_and_pays_itself_is_no_episode() -> None:
    assert episodes({}, [change(3, 20, act=3), change(4, -20, act=3)], recorded_at=MONDAY) == []


def test_one_batch_may_close_an_episode_and_open_the_next() -> None:
    opened = only(episodes({}, [change(3, 20)], recorded_at=FRIDAY))
    closed, next_one = episodes({PAIZHAI: opened}, [change(4, -20), change(5, 8, cause=Cause.VOID)], recorded_at=MONDAY)

    assert (closed.closed_act, next_one.opened_act, next_one.cause, next_one.debt_kg) == (4, 5, Cause.VOID, 8)


def test_accounts_owe_each_for_itself() -> None:
    found = episodes({}, [change(3, 20), change(4, 5, account=8), change(5, -20)], recorded_at=MONDAY)

    assert [(episode.account, episode.debt_kg) for episode in found] == [(PAIZHAI, 0), (8, 5)]
