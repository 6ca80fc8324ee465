"""Wedge-scanner damage: what scanners, input methods and hands make of a code is undone or refused, never misread."""

import json
from base64 import b64decode
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.codes.numbers import typed_number
from service.domain.codes.tickets import CodeFault, TicketCode, read
from service.domain.weighings import Naming, named_ticket
from tests.domain.test_codes import DIGITS, OTHER, PAIZHAI_LOAD, PUBLIC_KEYS, URL

# The station page reads the same file: both must make the same of each text.
VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors/wedge.json").read_text(encoding="utf-8"))
NUMBER = PAIZHAI_LOAD.number


@pytest.mark.parametrize("scan", VECTORS["scans"], ids=lambda scan: scan["name"])
def test_w03_what_is_scanned_or_typed_is_read_or_refused(scan: dict[str, Any]) -> None:
    keys = {int(key_id): b64decode(key) for key_id, key in VECTORS["keys"].items()}
    found = read(scan["scanned"], keys)
    if scan["code"]:
        assert isinstance(found, TicketCode)
        ticket = VECTORS["ticket"]
        assert (str(found.ticket_id), found.number, found.reissue) == (
            ticket["id"],
            ticket["number"],
            ticket["reissue"],
        )
        assert (found.plate, found.planned_kg, found.grade_mark) == (
            ticket["plate"],
            ticket["planned_kg"],
            ticket["grade_mark"],
        )
        assert (found.valid_from.timestamp(), found.valid_until.timestamp()) == (
            ticket["valid_from"],
            ticket["valid_until"],
        )
        assert (found.source_mark.hex(), found.destination_mark.hex()) == (
            ticket["source_mark"],
            ticket["destination_mark"],
        )
    else:
        assert isinstance(found, CodeFault)
        assert typed_number(scan["scanned"]) == scan["number"]
        assert scan["number"] is not None or found == scan["fault"]


Deed = Callable[[str], str]
WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
REMNANTS = st.text(st.sampled_from("abchtps'，。、是镁 \u200b"), max_size=8)


def _each(text: str, places: list[int], change: Deed) -> str:
    chosen = {place % len(text) for place in places} if text else set()
    return "".join(change(letter) if place in chosen else letter for place, letter in enumerate(text))


def _put(text: str, place: int, what: str) -> str:
    at = place % (len(text) + 1)
    return text[:at] + what + text[at:]


places = st.lists(st.integers(0, 400), min_size=1, max_size=40)
# Nothing here touches a digit: all of it must be undone.
harmless = st.one_of(
    places.map(lambda chosen: partial(_each, places=chosen, change=str.swapcase)),
    places.map(lambda chosen: partial(_each, places=chosen, change=lambda letter: letter.translate(WIDE))),
    st.tuples(st.integers(0, 400), st.sampled_from([" ", "\u200b", "\ufeff", "\r\n", "\t", "\u3000"])).map(
        lambda put: partial(_put, place=put[0], what=put[1])
    ),
    REMNANTS.map(lambda left: lambda text: left + text),
    st.sampled_from(["\n", "\r\n", "\t", " "]).map(lambda end: lambda text: text + end),
)
harmful = st.one_of(
    harmless,
    st.tuples(st.integers(0, 400), st.sampled_from([*"0123456789xX。", URL, OTHER, NUMBER])).map(
        lambda put: partial(_put, place=put[0], what=put[1])
    ),
    st.integers(0, 400).map(lambda at: lambda text: text[:at]),
    st.integers(0, 400).map(lambda at: lambda text: text[at:]),
    st.integers(1, 400).map(
        lambda at: lambda text: text[: at % max(1, len(text))] + text[at % max(1, len(text)) + 1 :]
    ),
    st.sampled_from([URL, DIGITS, OTHER, NUMBER]).map(lambda more: lambda text: text + more),
)


def _done(text: str, deeds: list[Deed]) -> str:
    for deed in deeds:
        text = deed(text)
    return text


@given(st.sampled_from([URL, DIGITS]), st.lists(harmless, max_size=4))
def test_w03_what_leaves_the_digits_whole_is_undone(scanned: str, deeds: list[Deed]) -> None:
    assert read(_done(scanned, deeds), PUBLIC_KEYS) == PAIZHAI_LOAD


@given(st.sampled_from([URL, DIGITS, NUMBER]), st.lists(harmful, min_size=1, max_size=5))
def test_w03_whatever_happens_to_a_scan_it_is_never_misread(scanned: str, deeds: list[Deed]) -> None:
    """It names this ticket or that other one, whole and signed, or none."""
    damaged = _done(scanned, deeds)
    found = read(damaged, PUBLIC_KEYS)
    assert isinstance(found, CodeFault) or found.ticket_id == PAIZHAI_LOAD.ticket_id
    assert typed_number(damaged) in (None, NUMBER)
    naming = named_ticket(damaged)
    if naming is not None and naming.digits is not None and not isinstance(found, CodeFault):
        assert naming.digits in (DIGITS, OTHER)


@given(st.lists(harmless, max_size=4))
def test_w03_two_scans_run_together_are_never_one_of_them(deeds: list[Deed]) -> None:
    for together in (DIGITS + OTHER, URL + OTHER, URL + URL, NUMBER + NUMBER, NUMBER + DIGITS, DIGITS + NUMBER):
        assert isinstance(read(_done(together, deeds), PUBLIC_KEYS), CodeFault)
        assert typed_number(_done(together, deeds)) is None


def test_w03_a_number_alone_names_its_ticket() -> None:
    assert named_ticket(NUMBER) == Naming(number=NUMBER)
