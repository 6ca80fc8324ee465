"""Codes: the signed ticket code, the ticket number, plates, credit codes, and texts fit to be stored."""

import dataclasses
import json
import unicodedata
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from service.domain.codes.credit_codes import normalise_credit_code
from service.domain.codes.numbers import NUMBER_SPACE, draw_of, is_number, make_number, typed_number
from service.domain.codes.plates import normalise_plate, pack_plate, plate_as_seen, unpack_plate
from service.domain.codes.texts import Malformed, clean_text
from service.domain.codes.tickets import (
    CODE_DIGITS,
    SIGNED_CONTEXT,
    CodeFault,
    ScannedCode,
    TicketCode,
    code_text,
    encode,
    grade_mark,
    parse,
    read,
    station_mark,
    verify,
)
from service.domain.units import SHANGHAI, Kilograms

COUNTY_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC_KEYS = {7: COUNTY_KEY.public_key().public_bytes_raw()}
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=SHANGHAI)

PAIZHAI_LOAD = TicketCode.of(
    ticket_id=UUID("019caf00-0000-7000-8000-0000000000a1"),
    number=make_number(123_456_789_012),
    reissue=0,
    valid_from=NOON,
    valid_until=NOON + timedelta(hours=24),
    plate="辽C12345",
    planned_kg=Kilograms(31_500),
    source_station_id=UUID("019caf00-0000-7000-8000-00000000b007"),
    destination_station_id=UUID("019caf00-0000-7000-8000-00000000cafe"),
    grade="LM-47",
)
DIGITS = encode(PAIZHAI_LOAD, key_id=7, sign=COUNTY_KEY.sign)
URL = code_text("https://meisu.example.cn", DIGITS)

PLATES = [
    "辽C12345",
    "辽CA1234",
    "辽C1A2B3",
    "辽CD12345",
    "辽C12345D",
    "辽C1234挂",
    "辽C123A学",
    "京A1234应急",
    "辽0312345",
]
plates = st.sampled_from(PLATES)
instants = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
codes = st.builds(
    TicketCode.of,
    ticket_id=st.uuids(),
    number=st.integers(0, NUMBER_SPACE - 1).map(make_number),
    reissue=st.integers(0, 255),
    valid_from=instants,
    valid_until=st.just(datetime(2100, 1, 1, tzinfo=UTC)),
    plate=plates,
    planned_kg=st.integers(1, 100_000).map(Kilograms),
    source_station_id=st.uuids(),
    destination_station_id=st.uuids(),
    grade=st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20),
)
keys = st.binary(min_size=32, max_size=32).map(Ed25519PrivateKey.from_private_bytes)


# The signed ticket code


def test_a_printed_code_proves_its_ticket() -> None:
    assert read(URL, PUBLIC_KEYS) == PAIZHAI_LOAD
    assert len(DIGITS) == CODE_DIGITS
    assert URL.removesuffix(DIGITS) == "HTTPS://MEISU.EXAMPLE.CN/T/"


def test_printed_codes_never_change_their_meaning() -> None:
    """The first code ever printed, kept here: what this release reads, the next ones must read."""
    printed = (
        "0039109481075231560301454213724285334200614322454999834615230565139850087894119271444036699515026594"
        "2064504289818516474666212929671301188471861121710970855124196845702852947452136571342275365218107326"
        "40418945472620014013214687169496098563975702886082426339297418724846912390116941592308739"
    )
    assert printed == DIGITS
    assert read(printed, PUBLIC_KEYS) == PAIZHAI_LOAD


@given(codes, keys, st.integers(0, 255))
def test_every_ticket_survives_the_round_trip(code: TicketCode, key: Ed25519PrivateKey, key_id: int) -> None:
    digits = encode(code, key_id=key_id, sign=key.sign)
    assert len(digits) == CODE_DIGITS
    assert read(digits, {key_id: key.public_key().public_bytes_raw()}) == code


@pytest.mark.parametrize(
    "scanned",
    [
        DIGITS,
        URL.lower(),
        URL.swapcase(),
        URL + "\r\n",
        "\ufeff" + URL,
        unicodedata.normalize("NFKC", URL).translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}),
        "ｈｔｔｐｓ：、、ｍｅｉｓｕ。ｅｘａｍｐｌｅ。ｃｎ、ｔ、" + DIGITS,
        "h't't'p's是 " + URL,
        " ".join(DIGITS),
        "\u200b".join(DIGITS),
        DIGITS[:100] + "\n" + DIGITS[100:],
        "HTTP://127.0.0.1:8000/T/" + DIGITS,
    ],
    ids=lambda scanned: ascii(scanned[:20]),
)
def test_what_scanners_and_keyboards_do_to_a_code_is_undone(scanned: str) -> None:
    assert read(scanned, PUBLIC_KEYS) == PAIZHAI_LOAD


OTHER = encode(dataclasses.replace(PAIZHAI_LOAD, reissue=1), key_id=7, sign=COUNTY_KEY.sign)


@pytest.mark.parametrize(
    ("scanned", "fault"),
    [
        ("", CodeFault.MALFORMED),
        ("HTTPS://MEISU.EXAMPLE.CN/T/", CodeFault.MALFORMED),
        ("'; DROP TABLE ticket; --", CodeFault.MALFORMED),
        (DIGITS + "x", CodeFault.MALFORMED),
        ("9" * CODE_DIGITS, CodeFault.MALFORMED),
        ("1" * 5_000, CodeFault.MALFORMED),
        ("\ufdfa" * 2_000, CodeFault.MALFORMED),
        (make_number(5), CodeFault.WRONG_LENGTH),
        (DIGITS[:-1], CodeFault.WRONG_LENGTH),
        (DIGITS[1:], CodeFault.WRONG_LENGTH),
        (DIGITS + "0", CodeFault.WRONG_LENGTH),
        (DIGITS + DIGITS[:40], CodeFault.WRONG_LENGTH),
        (make_number(5) + DIGITS, CodeFault.WRONG_LENGTH),
        (DIGITS + OTHER, CodeFault.TWO_CODES),
        (URL + code_text("https://meisu.example.cn", OTHER), CodeFault.TWO_CODES),
        (URL[:60] + URL, CodeFault.TWO_CODES),
        (URL[:30] + URL, CodeFault.TWO_CODES),
        (make_number(5) + URL, CodeFault.TWO_CODES),
        ("0" * CODE_DIGITS, CodeFault.UNKNOWN_VERSION),
        (DIGITS[:-40] + OTHER[-40:], CodeFault.BAD_SIGNATURE),
    ],
    ids=lambda value: ascii(value[:24]),
)
def test_what_is_not_one_whole_code_is_refused_with_a_reason(scanned: str, fault: CodeFault) -> None:
    assert read(scanned, PUBLIC_KEYS) == fault


def test_codes_of_another_version_or_key_are_told_apart() -> None:
    whole = int(DIGITS).to_bytes(120)
    of_version_2 = str(int.from_bytes(bytes([2]) + whole[1:])).zfill(CODE_DIGITS)
    assert read(of_version_2, PUBLIC_KEYS) == CodeFault.UNKNOWN_VERSION
    assert read(DIGITS, {8: PUBLIC_KEYS[7]}) == CodeFault.UNKNOWN_KEY
    assert read(DIGITS, {7: Ed25519PrivateKey.generate().public_key().public_bytes_raw()}) == CodeFault.BAD_SIGNATURE


def test_no_flipped_bit_is_ever_valid() -> None:
    """Each bit of the code, with every key id answering to the true key."""
    any_key = dict.fromkeys(range(256), PUBLIC_KEYS[7])
    for bit in range(120 * 8):
        flipped = str(int(DIGITS) ^ 1 << bit).zfill(CODE_DIGITS)
        assert isinstance(read(flipped, any_key), CodeFault), f"bit {bit}"


@given(st.integers(0, CODE_DIGITS - 1), st.integers(1, 9))
def test_no_misread_digit_is_ever_valid(place: int, change: int) -> None:
    misread = DIGITS[:place] + str((int(DIGITS[place]) + change) % 10) + DIGITS[place + 1 :]
    assert isinstance(read(misread, PUBLIC_KEYS), CodeFault)


@given(st.text(max_size=400))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    assert isinstance(read(text, PUBLIC_KEYS), CodeFault)
    assert isinstance(read(text + DIGITS, PUBLIC_KEYS), CodeFault | TicketCode)


def test_a_signature_made_for_something_else_proves_no_ticket() -> None:
    scanned = parse(DIGITS)
    assert isinstance(scanned, ScannedCode)
    elsewhere = dataclasses.replace(scanned, signature=COUNTY_KEY.sign(scanned.signed))
    assert verify(elsewhere, PUBLIC_KEYS) == CodeFault.BAD_SIGNATURE
    again = dataclasses.replace(scanned, signature=COUNTY_KEY.sign(SIGNED_CONTEXT + scanned.signed))
    assert verify(again, PUBLIC_KEYS) == PAIZHAI_LOAD


def test_a_plate_of_a_later_release_is_refused_not_misread() -> None:
    scanned = parse(DIGITS)
    assert isinstance(scanned, ScannedCode)
    signed = scanned.signed.replace(pack_plate("辽C12345"), bytes([255] * 7))
    later = dataclasses.replace(scanned, signed=signed, signature=COUNTY_KEY.sign(SIGNED_CONTEXT + signed))
    assert verify(later, PUBLIC_KEYS) == CodeFault.MALFORMED


def test_a_station_without_a_network_sees_the_window_and_the_plate() -> None:
    until = NOON + timedelta(hours=24)
    second = timedelta(seconds=1)
    assert PAIZHAI_LOAD.faults(at=NOON, plate="辽c·12345") == []
    assert PAIZHAI_LOAD.faults(at=until) == []
    assert PAIZHAI_LOAD.faults(at=NOON - second) == [CodeFault.NOT_YET_VALID]
    assert PAIZHAI_LOAD.faults(at=until + second, plate="辽C54321") == [
        CodeFault.TICKET_EXPIRED,
        CodeFault.PLATE_MISMATCH,
    ]


def test_a_window_is_never_narrower_on_paper_than_in_the_book() -> None:
    begun = NOON + timedelta(microseconds=1)
    code = PAIZHAI_LOAD
    on_paper = TicketCode.of(
        ticket_id=code.ticket_id,
        number=code.number,
        reissue=0,
        valid_from=begun,
        valid_until=begun,
        plate=code.plate,
        planned_kg=code.planned_kg,
        source_station_id=code.ticket_id,
        destination_station_id=code.ticket_id,
        grade="特级品",
    )
    assert (on_paper.valid_from, on_paper.valid_until) == (NOON, NOON + timedelta(seconds=1))
    assert on_paper.source_mark == station_mark(code.ticket_id) == bytes.fromhex("000000a1")
    assert on_paper.grade_mark == grade_mark("特级品") == "特级"


# The ticket number


@given(st.integers(0, NUMBER_SPACE - 1))
def test_a_ticket_number_has_thirteen_digits_and_gives_its_draw_back(draw: int) -> None:
    number = make_number(draw)
    assert len(number) == 13
    assert is_number(number)
    assert draw_of(number) == draw


@given(st.integers(0, NUMBER_SPACE - 1), st.integers(0, 12), st.integers(1, 9))
def test_every_wrong_digit_in_a_number_is_noticed(draw: int, place: int, change: int) -> None:
    number = make_number(draw)
    wrong = number[:place] + str((int(number[place]) + change) % 10) + number[place + 1 :]
    assert not is_number(wrong)


@given(st.integers(0, NUMBER_SPACE - 1), st.integers(0, 11))
def test_every_two_neighbours_that_changed_places_are_noticed(draw: int, place: int) -> None:
    number = make_number(draw)
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert swapped == number or not is_number(swapped)


def test_a_number_is_read_as_people_type_it() -> None:
    number = make_number(42)
    assert typed_number(f" {number[:4]} {number[4:8]}-{number[8:]}\n") == number
    assert typed_number(number.translate({ord(str(digit)): 0xFF10 + digit for digit in range(10)})) == number
    for nonsense in ["", number[:-1], number + "0", "x" + number, number + " " * 100 + "1", "٣" * 13]:
        assert typed_number(nonsense) is None


# Plates


@pytest.mark.parametrize("plate", PLATES)
def test_plates_of_every_kind_are_known_and_fit_into_seven_bytes(plate: str) -> None:
    assert normalise_plate(plate) == plate
    assert len(pack_plate(plate)) == 7
    assert unpack_plate(pack_plate(plate)) == plate


@pytest.mark.parametrize(
    "text", ["辽c·12345", "辽Ｃ１２３４５", " 辽C 12345 ", "辽C•12345", "辽\u200bC-12345", "辽C・12345"]
)
def test_a_plate_is_the_same_however_it_was_written(text: str) -> None:
    assert normalise_plate(text) == "辽C12345"
    assert plate_as_seen(text) == "辽C12345"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "辽",
        "C12345",
        "辽C1234",
        "辽C123456",
        "辽I12345",
        "辽CO1234",
        "火C12345",
        "辽CABCDE",
        "辽C12345挂",
        "<script>",
        "辽C1234挂挂",
        "1=1",
        "辽C12345" * 20,
        "123456",
        "辽C12345\u0000x",
    ],
)
def test_nonsense_is_no_plate(text: str) -> None:
    with pytest.raises(Malformed) as fault:
        normalise_plate(text)
    assert fault.value.code == "plate-malformed"


def test_what_stood_on_the_scale_keeps_its_plate_whatever_it_is() -> None:
    assert plate_as_seen("无牌 摩托") == "无牌摩托"


# Credit codes


@pytest.mark.parametrize(
    "text",
    [
        "91210381MA0QTL5X7R",
        "91210381ma0qtl5x7r",
        "９１２１０３８１ＭＡ０ＱＴＬ５Ｘ７Ｒ",
        "\u300091210381 MA0QTL5X7R\u3000",
    ],
)
def test_a_credit_code_is_the_same_however_it_was_typed(text: str) -> None:
    assert normalise_credit_code(text) == "91210381MA0QTL5X7R"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("91210381MA0QTL5X71", "credit-code-check-digit"),
        ("91210381MA0QTL5X7", "credit-code-length"),
        ("", "credit-code-length"),
        ("91210381MA0QTL5X7R" + " " * 60, "credit-code-length"),
        ("9121038AMA0QTL5X7R", "credit-code-alphabet"),
        ("91210381MA0QTL5I7R", "credit-code-alphabet"),
        ("912103810000000000.0", "credit-code-length"),
        ("٩١٢١٠٣٨١MA0QTL5X7R", "credit-code-alphabet"),
    ],
)
def test_a_wrong_credit_code_says_what_is_wrong(text: str, code: str) -> None:
    with pytest.raises(Malformed) as fault:
        normalise_credit_code(text)
    assert fault.value.code == code


# Texts


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("海城排寨镁矿（集团）有限公司", "海城排寨镁矿（集团）有限公司"),
        ("\u3000排寨镁矿 \n", "排寨镁矿"),
        ("e\u0301tude", "\u00e9tude"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("𠮷祥矿业", "𠮷祥矿业"),
    ],
)
def test_a_name_is_stored_composed_and_otherwise_as_it_is(text: str, stored: str) -> None:
    assert clean_text(text, at_most=40) == stored


HIDDEN = "\u0000\u0007\u001b\u007f\u0085\u00ad\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u2060\ufeff\u3164\u2800"
MEANINGLESS = "\ud800\ue000\uffff"
BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c"


@pytest.mark.parametrize("character", HIDDEN + MEANINGLESS + BIDI, ids=ascii)
def test_characters_that_hide_or_reorder_others_are_refused(character: str) -> None:
    with pytest.raises(Malformed) as fault:
        clean_text(f"排寨{character}镁矿", at_most=40, several_lines=True)
    assert fault.value.code == "text-forbidden-character"
    assert f"U+{ord(character):04X}" in fault.value.zh
    assert f"U+{ord(character):04X}" in fault.value.en


@pytest.mark.parametrize("text", ["", "   ", "\u3000", "……", "--", "\u0301"])
def test_a_text_says_something(text: str) -> None:
    with pytest.raises(Malformed) as fault:
        clean_text(text, at_most=40)
    assert fault.value.code == "text-empty"


@pytest.mark.parametrize("text", ["镁" * 41, "镁" * 1_000_000, "\ufb2c" * 40])
def test_a_text_has_an_end(text: str) -> None:
    """The last one grows when it is composed."""
    with pytest.raises(Malformed) as fault:
        clean_text(text, at_most=40)
    assert fault.value.code == "text-too-long"


def test_lines_are_kept_only_where_they_are_allowed() -> None:
    assert clean_text("一\r\n二\r三", at_most=40, several_lines=True) == "一\n二\n三"
    with pytest.raises(Malformed):
        clean_text("一\n二", at_most=40)


@given(st.text(max_size=60))
def test_a_clean_text_stays_as_it_is(text: str) -> None:
    try:
        clean = clean_text(text, at_most=40)
    except Malformed:
        return
    assert clean_text(clean, at_most=40) == clean
    clean.encode()


# What stations read by their own means


VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "scans.json").read_bytes())


def test_scans_are_read_here_as_they_are_at_the_stations() -> None:
    """The same vectors are read by the station's page (tests/pages/station): W03."""
    keys = {int(key_id): b64decode(key) for key_id, key in VECTORS["keys"].items()}
    for scan in VECTORS["scans"]:
        found = read(scan["text"], keys)
        expected = scan.get("number") or CodeFault(scan["fault"])
        assert (found.number if isinstance(found, TicketCode) else found) == expected, ascii(scan["text"][:40])
    for one in VECTORS["numbers"]:
        assert typed_number(one["text"]) == one["number"]
    for one in VECTORS["plates"]:
        assert plate_as_seen(one["text"]) == one["seen"]
