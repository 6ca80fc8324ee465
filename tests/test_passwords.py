"""Passwords as they are kept."""

import asyncio

import pytest
from argon2 import PasswordHasher

from service.auth import passwords
from service.auth.passwords import Passwords
from service.domain.refusals import Busy


def test_outside_of_tests_a_hash_costs_64_mib() -> None:
    made = PasswordHasher.from_parameters(passwords.COSTS).hash("a password")

    assert made.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


async def test_a_password_fits_its_hash_however_it_is_composed() -> None:
    kept = await Passwords().hash("caf\u00e9 au lait")

    assert await Passwords().fits("cafe\u0301 au lait", kept)
    assert not await Passwords().fits("cafe au lait", kept)


@pytest.mark.parametrize("kept", [None, "", "nonsense", "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA"])
async def test_nothing_fits_what_is_no_hash(kept: str | None) -> None:
    assert not await Passwords().fits("", kept)
    assert not await Passwords().fits("x", kept)


async def test_few_have_a_turn_and_not_too_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MOST_WAITING", 3)
    turns, most, served = Passwords(), 0, 0
    inside = 0

    async def one() -> None:
        nonlocal inside, most, served
        async with turns.turn():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1
            served += 1

    outcomes = await asyncio.gather(*(one() for _ in range(12)), return_exceptions=True)

    assert most == passwords.AT_ONCE
    assert served == passwords.AT_ONCE + 3
    assert sum(isinstance(outcome, Busy) for outcome in outcomes) == 12 - served
