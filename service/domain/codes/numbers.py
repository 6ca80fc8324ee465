"""The thirteen-digit ticket number that a hand can type: twelve digits drawn at random and a check digit."""

import re

from stdnum import damm

from service.domain.codes.texts import folded

# The first digit is never 0, so that a spreadsheet keeps the number whole.
_FIRST = 100_000_000_000
NUMBER_SPACE = 900_000_000_000
"""How many numbers there are: a draw is below it."""

_NUMBER = re.compile(r"[1-9][0-9]{12}")


def make_number(draw: int) -> str:
    """The ticket number of a random draw below NUMBER_SPACE; who issues draws again when the number is taken.

    Drawn, not counted: a neighbour's number cannot be guessed from one's own. A million tickets meet a number that
    is taken about once. The check digit is Damm's, which finds every single wrong digit and every two neighbours
    that changed places.
    """
    assert 0 <= draw < NUMBER_SPACE, "a draw is below NUMBER_SPACE"
    digits = str(_FIRST + draw)
    return digits + str(damm.calc_check_digit(digits))


def draw_of(number: str) -> int:
    """The draw that a valid ticket number was made from."""
    return int(number[:-1]) - _FIRST


def is_number(text: str) -> bool:
    """Whether a text is a ticket number, to the letter, with the right check digit."""
    return _NUMBER.fullmatch(text) is not None and bool(damm.is_valid(text))


def typed_number(text: str) -> str | None:
    """The ticket number that a person typed, in whatever width and grouping, or None where it is none."""
    number = folded(text).replace("-", "") if len(text) <= 64 else ""
    return number if is_number(number) else None
