"""Overdraw episodes: from the act after which a quota owes ore to the act after which it owes none (O02)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from uuid import UUID

from service.domain.units import Kilograms


class Cause(StrEnum):
    """What opened an episode."""

    LOAD = "load"
    SLIP = "slip"
    CLAW_BACK = "claw-back"
    VOID = "void"
    CORRECTION = "correction"
    OPENING = "opening"  # what the year before had let out beyond its quota (E28)


@dataclass(frozen=True, slots=True)
class Change:
    """What one row of the ledger does to an account's debt: more (over, or made by a cut) or less (cover, or ended)."""

    account: int
    act: int
    seq: int
    movement: UUID
    debt_kg: int
    cause: Cause
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Overdraw:
    """An episode of an account's debt; one that was never stored has no id yet."""

    id: UUID | None
    account: int
    cause: Cause
    opened_act: int
    opened_seq: int
    opened_by: UUID
    occurred_at: datetime
    discovered_at: datetime
    debt_kg: Kilograms
    peak_kg: Kilograms
    closed_act: int | None = None
    closed_at: datetime | None = None
    covered_by: UUID | None = None

    @property
    def is_open(self) -> bool:
        """Whether the account still owes."""
        return self.closed_at is None


def episodes(found: Mapping[int, Overdraw], changes: Iterable[Change], *, recorded_at: datetime) -> list[Overdraw]:
    """The episodes that a batch's changes open, move or close, given the open ones; `changes` are in order of seq.

    The debt is looked at between acts: inside one, a replace owes for a moment what it pays at once.
    """
    touched: list[Overdraw] = []
    for account, of_account in groupby(sorted(changes, key=lambda change: (change.account, change.seq)), key=_account):
        episode = found.get(account)
        for _, of_act in groupby(of_account, key=_act):
            act = list(of_act)
            debt_kg = Kilograms((episode.debt_kg if episode else 0) + sum(change.debt_kg for change in act))
            assert debt_kg >= 0, "nothing is paid that is not owed"
            if episode is None:
                if debt_kg:
                    episode = _opened(next(change for change in act if change.debt_kg > 0), debt_kg, recorded_at)
            elif debt_kg:
                episode = replace(episode, debt_kg=debt_kg, peak_kg=max(episode.peak_kg, debt_kg))
            else:
                payer = [change for change in act if change.debt_kg < 0][-1]
                touched.append(
                    replace(
                        episode, debt_kg=debt_kg, closed_act=payer.act, closed_at=recorded_at, covered_by=payer.movement
                    )
                )
                episode = None
        if episode and episode is not found.get(account):
            touched.append(episode)
    return touched


def _opened(change: Change, debt_kg: Kilograms, recorded_at: datetime) -> Overdraw:
    return Overdraw(
        id=None,
        account=change.account,
        cause=change.cause,
        opened_act=change.act,
        opened_seq=change.seq,
        opened_by=change.movement,
        occurred_at=change.occurred_at,
        discovered_at=recorded_at,
        debt_kg=debt_kg,
        peak_kg=debt_kg,
    )


def _account(change: Change) -> int:
    return change.account


def _act(change: Change) -> int:
    return change.act
