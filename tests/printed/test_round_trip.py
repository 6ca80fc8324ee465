"""Codes printed, damaged and read again (W03): what a reader makes of a print is the ticket, or nothing."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from random import Random
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from service.domain.codes.numbers import NUMBER_SPACE, make_number
from service.domain.codes.tickets import CODE_DIGITS, CodeFault, TicketCode, code_text, encode, read
from service.domain.units import Kilograms
from service.routes.pictures import qr_png
from tests.printed.damage import COMBINED, SINGLE, Damage
from tests.printed.reader import read_picture

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = {1: KEY.public_key().public_bytes_raw()}
SINGLE_COUNT = 1_000  # of all single ways together
COMBINED_COUNT = 200


def a_code(draw: Random) -> tuple[TicketCode, str]:
    """A ticket's code, drawn, and the text that is printed."""
    begins = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=draw.randrange(10**8))
    code = TicketCode.of(
        ticket_id=UUID(int=draw.getrandbits(128)),
        number=make_number(draw.randrange(NUMBER_SPACE)),
        reissue=draw.randrange(256),
        valid_from=begins,
        valid_until=begins + timedelta(hours=24),
        plate=f"辽C{draw.randrange(10_000, 100_000)}",
        planned_kg=Kilograms(draw.randrange(1, 100_001)),
        source_station_id=UUID(int=draw.getrandbits(128)),
        destination_station_id=UUID(int=draw.getrandbits(128)),
        grade="LM46",
    )
    return code, code_text("https://meisu.anshan.example.cn", encode(code, key_id=1, sign=KEY.sign))


def is_read(pixels: int, damage: Damage, draw: Random) -> bool:
    """Whether a damaged print gives its ticket; one that gives another, or a false text, fails the test."""
    code, text = a_code(draw)
    print_ = Image.open(BytesIO(qr_png(text, pixels))).convert("L")
    found = read_picture(damage(print_, pixels, draw))
    if found is None:
        return False
    assert found == text
    assert read(found, KEYS) == code
    return True


@pytest.mark.parametrize("way", SINGLE)
def test_w03_a_print_damaged_in_one_way_is_read(way: str) -> None:
    """At least 99.5 % of a thousand codes, each damaged in one of five ways."""
    count = SINGLE_COUNT // len(SINGLE)
    draw = Random(way)
    good = sum(is_read(*SINGLE[way], draw) for _ in range(count))
    assert good >= 0.995 * count, f"{good} of {count}"


def test_w03_a_print_damaged_in_all_ways_is_read() -> None:
    """At least 95 % of two hundred."""
    draw = Random("everything")
    good = sum(is_read(*COMBINED, draw) for _ in range(COMBINED_COUNT))
    assert good >= 0.95 * COMBINED_COUNT, f"{good} of {COMBINED_COUNT}"


def test_w03_a_flipped_bit_anywhere_is_never_valid() -> None:
    """One bit of each of a thousand codes; each bit of one code is flipped in tests/domain/test_codes.py."""
    draw = Random("bits")
    for _ in range(1_000):
        _, text = a_code(draw)
        digits = text.rsplit("/", 1)[1]
        flipped = f"{int(digits) ^ 1 << draw.randrange(120 * 8):0{CODE_DIGITS}}"
        assert isinstance(read(flipped, KEYS), CodeFault)
