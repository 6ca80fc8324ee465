"""The parts of the station's page, each by itself in the browser: codes, keys, indicators, the clock."""

import json
from base64 import b64encode, urlsafe_b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from playwright.async_api import Page

from tests.pages.conftest import Visit
from tests.pages.station.conftest import INDICATOR, reading

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "scans.json").read_bytes())


@pytest.fixture
async def page(visit: Visit) -> Page:
    """The page before anybody has enrolled."""
    page = await visit()
    await page.context.add_init_script(INDICATOR)
    await page.goto("/station")
    await page.wait_for_selector("#enrol:not([hidden])")
    return page


async def test_codes_are_read_as_the_service_reads_them(page: Page) -> None:
    """Every damage that wedge scanners and input methods do, by the vectors that the service's own reader passes."""
    read = await reading(
        page,
        """
        const { parse, read, typedNumber, plateAsSeen } = await load("codes");
        const { fromBase64 } = await load("keys");
        const keys = new Map(Object.entries(given.keys).map(([id, key]) => [Number(id), fromBase64(key)]));
        const scans = [];
        for (const { text } of given.scans) {
          const { fault, number } = await read(text, keys);
          scans.push(fault ? { text, fault } : { text, number });
        }
        const whole = await read(given.scans[0].text, keys), other = await read(given.scans[1].text, keys);
        const instant = (ms) => new Date(ms).toISOString().replace(".000Z", "+00:00");
        return {
          scans,
          tickets: [whole, other].map((code) => ({
            ticket_id: code.ticketId, number: code.number, reissue: code.reissue,
            valid_from: instant(code.validFromMs), valid_until: instant(code.validUntilMs), plate: code.plate,
            planned_kg: code.plannedKg, source_mark: code.sourceMark, destination_mark: code.destinationMark,
            grade_mark: code.gradeMark,
          })),
          numbers: given.numbers.map(({ text }) => ({ text, number: typedNumber(text) })),
          plates: given.plates.map(({ text }) => ({ text, seen: plateAsSeen(text) })),
        };
        """,
        VECTORS,
    )
    for part in ("scans", "tickets", "numbers", "plates"):
        assert read[part] == VECTORS[part]


async def test_a_flipped_bit_is_never_valid(page: Page) -> None:
    """Each bit of the code (W03)."""
    valid = await reading(
        page,
        """
        const { read } = await load("codes");
        const { fromBase64 } = await load("keys");
        const key = fromBase64(given.keys["7"]);
        const keys = new Map(Array.from({ length: 256 }, (_, id) => [id, key]));
        let valid = 0;
        for (let bit = 0n; bit < 960n; bit += 1n) {
          const flipped = (BigInt(given.scans[0].text) ^ (1n << bit)).toString().padStart(289, "0");
          if (!(await read(flipped, keys)).fault) valid += 1;
        }
        return valid;
        """,
        VECTORS,
    )
    assert valid == 0


async def test_the_browser_and_the_library_sign_alike(page: Page) -> None:
    """A browser without Ed25519 gets the bundled one; the service takes both, and each takes the other's."""
    said = await reading(
        page,
        """
        const keys = await load("keys");
        const text = '{"plate":"辽C12345"}';
        const { subtle } = crypto;
        const ours = await keys.makeKey();
        const byBrowser = [keys.base64url(ours.publicKey), await keys.jws(ours, { kid: "a" }, text)];
        const message = new TextEncoder().encode("x"), made = await keys.sign(ours, message);

        const generateKey = subtle.generateKey;
        subtle.generateKey = () => Promise.reject(new DOMException("no", "NotSupportedError"));
        const old = await import(`${base}keys.js?old`);
        const theirs = await old.makeKey();
        const byLibrary = [old.base64url(theirs.publicKey), await old.jws(theirs, { kid: "a" }, text)];
        const takes = [
          await old.verifySignature(ours.publicKey, made, message),
          await keys.verifySignature(theirs.publicKey, await old.sign(theirs, message), message),
          await old.verifySignature(ours.publicKey, made, new TextEncoder().encode("y")),
          await old.verifySignature(new Uint8Array(31), made, message),
        ];
        const again = await keys.jws(ours, { kid: "a" }, text);
        subtle.generateKey = generateKey;
        const hidden = !ours.pair.privateKey.extractable && "secret" in theirs && !(await old.isNative());
        return { byBrowser, byLibrary, takes, isSame: again === byBrowser[1], hidden };
        """,
    )
    assert said["takes"] == [True, True, False, False]
    assert said["isSame"]
    assert said["hidden"]
    for public_key, jws in (said["byBrowser"], said["byLibrary"]):
        head, payload, signature = jws.split(".")
        raw = urlsafe_b64decode(public_key + "=")
        Ed25519PublicKey.from_public_bytes(raw).verify(
            urlsafe_b64decode(signature + "=="), f"{head}.{payload}".encode()
        )


def toledo(weight: str, *, a: int = 0x22, b: int = 0x30, c: int = 0x20, end: int = 0x0D) -> bytes:
    """A frame of the continuous output without its checksum."""
    return bytes([2, a, b, c]) + weight.encode() + b"000000" + bytes([end])


def checked(frame: bytes) -> bytes:
    """A frame with its checksum."""
    return frame + bytes([-sum(frame) & 0x7F])


GOOD = {"kg": 31240, "isStable": True}
FRAMES: list[tuple[str, str, bytes, list[dict[str, Any]]]] = [
    ("stable", "toledo", toledo(" 31240"), [GOOD]),
    ("in motion", "toledo", toledo(" 31240", b=0x38), [{"kg": 31240, "isStable": False}]),
    ("below zero", "toledo", toledo("000020", b=0x32), [{"kg": -20, "isStable": True}]),
    ("tens that are not sent", "toledo", toledo(" 03124", a=0x21), [GOOD]),
    ("decimals", "toledo", toledo("312400", a=0x23), [GOOD]),
    ("half a kilogram", "toledo", toledo("312405", a=0x23), [{"fault": "not-whole-kilograms"}]),
    ("tonnes", "toledo", toledo(" 31240", a=0x25, c=0x22), [GOOD]),
    ("pounds", "toledo", toledo(" 31240", b=0x20), [{"fault": "not-kilograms"}]),
    ("net", "toledo", toledo(" 31240", b=0x31), [{"fault": "net-not-gross"}]),
    ("out of range", "toledo", toledo(" 99999", b=0x34), [{"fault": "out-of-range"}]),
    ("parity left on", "toledo", bytes(byte | 0x80 for byte in toledo(" 31240")), [GOOD]),
    ("two frames", "toledo", toledo(" 31240") * 2, [GOOD, GOOD]),
    ("begun in the middle", "toledo", toledo(" 31240")[7:] + toledo(" 31240"), [GOOD]),
    ("a byte lost", "toledo", toledo(" 31240")[:6] + toledo(" 31240")[7:] + toledo(" 31240"), [{"fault": "frame-broken"}, GOOD]),
    ("a letter", "toledo", toledo("31x240"), [{"fault": "frame-broken"}]),
    ("no end", "toledo", toledo(" 31240", end=0x20), [{"fault": "frame-broken"}]),
    ("checksum", "toledo-checksum", checked(toledo(" 31240")) * 2, [GOOD, GOOD]),
    ("wrong checksum", "toledo-checksum", toledo(" 31240") + b"\x7f", [{"fault": "checksum-wrong"}]),
    ("line", "line", b"\r\nST,GS,+  31240kg\r\n", [GOOD]),
    ("line in motion", "line", b"\nUS,GS,+  31240kg\n", [{"kg": 31240, "isStable": False}]),
    ("line in tonnes", "line", b"\rST,GS,+ 31.240 t\r", [GOOD]),
    ("line below zero", "line", b"\nST GS - 20 kg\n", [{"kg": -20, "isStable": True}]),
    ("line with tens of grams", "line", b"\nST,GS,+31240.05kg\n", [{"fault": "not-whole-kilograms"}]),
    ("line that says net", "line", b"\nST,NT,+  31240kg\n", [{"fault": "net-not-gross"}]),
    ("line out of range", "line", b"\nOL,GS,+       kg\n", [{"fault": "out-of-range"}]),
    ("line without a beginning", "line", b"S,+  31240kg\nST,GS,+  31240kg\n", [GOOD]),
    ("line without an end", "line", b"\n" + b"9" * 70 + b"\nST,GS,+  31240kg\n", [{"fault": "frame-broken"}, GOOD]),
    ("noise in a line", "line", b"\nST,GS,+  3\x1f240kg\n", [{"fault": "frame-broken"}]),
]  # fmt: skip


async def test_indicators_are_understood_and_never_guessed(page: Page) -> None:
    """E17; each frame whole, and byte by byte."""
    given = [{"driver": driver, "bytes": list(frame)} for _, driver, frame, _ in FRAMES]
    read = await reading(
        page,
        """
        const { DRIVERS } = await load("drivers");
        return given.map(({ driver, bytes }) => {
          const { reader } = DRIVERS[driver];
          const slowly = reader();
          return [reader()(bytes), bytes.flatMap((byte) => slowly([byte]))];
        });
        """,
        given,
    )
    for (name, _, _, expected), (whole, slowly) in zip(FRAMES, read, strict=True):
        assert whole == slowly == expected, name


async def test_a_weight_is_taken_once_from_a_scale_that_stands_still(page: Page) -> None:
    """E17: an indicator that hangs gives no second truck; breaks on the line and a pulled cable are survived."""
    told = await reading(
        page,
        """
        const { Scale } = await load("scale");
        const { DRIVERS } = await load("drivers");
        const { port, frame, say, fail, unplug } = window.indicator;
        const scale = new Scale(DRIVERS.toledo, () => {});
        const heard = () => new Promise((resolve) => setTimeout(resolve, 30));
        const told = {};
        told.before = scale.stateFor("a");
        const open = scale.open(port);
        await heard();
        told.silent = scale.stateFor("a");
        told.options = port.opened;
        say(...frame(15000, true)); await heard();
        told.moving = [scale.stateFor("a"), scale.take("a")];
        say(...frame(15000, false)); await heard();
        told.taken = scale.take("a").kg;
        told.again = scale.take("a").kg;
        told.stuck = [scale.stateFor("b"), scale.take("b")];
        say(...frame(15040, false)); await heard();
        told.stillStuck = scale.stateFor("b");
        say(...frame(46000, false)); await heard();
        told.moved = scale.take("b").kg;
        fail("BreakError"); await heard();
        say(...frame(46000, true), ...frame(0, false)); await heard();
        told.afterBreak = [scale.stateFor("c"), scale.take("c"), scale.kg, scale.faults];
        const count = scale.sequence;
        unplug(); await new Promise((resolve) => setTimeout(resolve, 1700));
        say(...frame(20000, true), ...frame(20000, false)); await heard();
        told.afterUnplugging = [scale.take("c").kg, scale.sequence - count];
        await scale.close(); await open;
        told.closed = [scale.stateFor("a"), port.readable];
        return told;
        """,
    )
    assert told == {
        "before": "off",
        "silent": "silent",
        "options": {"baudRate": 9600, "dataBits": 7, "parity": "even", "stopBits": 1},
        "moving": ["moving", None],
        "taken": 15000,
        "again": 15000,
        "stuck": ["stuck", None],
        "stillStuck": "stuck",
        "moved": 46000,
        "afterBreak": ["stable", None, 0, 1],
        "afterUnplugging": [20000, 2],
        "closed": ["off", None],
    }


async def test_the_clock_learns_from_every_answer(page: Page) -> None:
    """E13: a clock that is wrong by more than two minutes is said to be; a coarse answer does not spoil a good one."""
    told = await reading(
        page,
        """
        const { Clock, stamp } = await load("clock");
        const clock = new Clock();
        const at = Date.now(), told = [clock.offsetMs, clock.isWrong];
        clock.measure(NaN, at, at);
        told.push(clock.offsetMs);
        clock.measure(at - 500, at - 20, at + 20);
        told.push(clock.offsetMs, clock.isWrong);
        clock.measure(at + 3000, at - 9000, at + 9000);
        told.push(clock.offsetMs);
        clock.measure(at + 3600_000, at, at + 40);
        told.push(Math.round(clock.offsetMs / 60_000), clock.isWrong, stamp(0));
        return told;
        """,
    )
    assert told == [None, False, None, 0, False, 0, 60, True, "1970-01-01T08:00:00.000+08:00"]


async def test_revocations_are_believed_for_their_signature_and_never_forgotten(page: Page) -> None:
    """W03, E4, E37: an answer that was tampered with, or that goes back, changes nothing."""
    key_text = VECTORS["keys"]["7"]
    from tests.domain.test_codes import COUNTY_KEY

    def answer(since: int, version: int, lines: list[str], *, forged: bool = False) -> dict[str, Any]:
        text = f"meisu revocations 1\n{since} {version} {version} 1767225600\n" + "".join(f"{one}\n" for one in lines)
        signature = COUNTY_KEY.sign(b"other" if forged else text.encode())
        return {
            "keys": [{"key_id": 7, "public_key": key_text}],
            "revocations": {"text": text, "key_id": 7, "signature": b64encode(signature).decode()},
        }

    ids = [f"019caf00-0000-7000-8000-0000000000a{place}" for place in range(3)]
    cancelled = f"1 {ids[0]} 1111111111111 256 cancelled 4102444800"
    replaced = f"2 {ids[1]} 2222222222222 2 damaged 4102444800"
    answers = [
        answer(0, 1, [cancelled]),
        answer(1, 9, [f"9 {ids[2]} 3333333333333 256 lost 4102444800"], forged=True),
        answer(0, 0, []),
        answer(1, 2, [replaced]),
    ]
    told = await reading(
        page,
        """
        const { Knowledge } = await load("knowledge");
        const asked = [];
        for (const answer of given.answers) {
          await (await Knowledge.recall()).learn(async (path) => { asked.push(path.split("=")[1]); return answer; });
        }
        const known = await Knowledge.recall();
        const why = given.ids.map((ticketId) => [0, 1, 2].map((reissue) => known.whyRevoked({ ticketId, reissue })));
        return { asked, why, byNumber: ["1111111111111", "2222222222222"].map((one) => known.whyNumberRevoked(one)) };
        """,
        {"answers": answers, "ids": ids},
    )
    assert told["asked"] == ["0", "1", "1", "1"]
    assert told["why"] == [["ticket-cancelled"] * 3, ["print-replaced", "print-replaced", None], [None] * 3]
    assert told["byNumber"] == ["ticket-cancelled", None]


async def test_what_need_not_be_said_never_spoils_a_record(page: Page) -> None:
    """E46: axles, grade and analysis are taken as they can be meant, or left out."""
    typed = [
        {"axles": "6", "grade": " 一级 ", "mgo": "４６．２", "moisture": "３．５"},
        {"axles": "1", "grade": "x" * 21, "mgo": "4625", "moisture": "99.96"},
        {"axles": "", "grade": "", "mgo": "46,25", "moisture": ""},
        {"axles": "66", "grade": "LM46", "mgo": "-3", "moisture": "wet"},
    ]
    found = await reading(page, "const { extrasOf } = await load('visits'); return given.map(extrasOf);", typed)
    assert [tuple(one.values()) for one in found] == [
        (6, "一级", 462, 35),
        (None, None, None, None),
        (None, None, 463, None),
        (None, "LM46", None, None),
    ]


async def test_a_key_that_somebody_else_may_have_proves_nothing_new(page: Page) -> None:
    """W03: without a network a code by such a key is refused, or in doubt where its time begins before the key was lost."""
    told = await reading(
        page,
        """
        const { Knowledge } = await load("knowledge");
        const { levelOf } = await load("check");
        const none = { keys: new Map(), revoked: new Map(), version: 0, learnedAtMs: 0 };
        const known = new Knowledge({ ...none, retired: new Map([[1, 1000]]) });
        const codes = [[1, 999], [1, 1000], [2, 1000]];
        const why = codes.map(([keyId, validFromMs]) => known.whyDoubted({ keyId, validFromMs }));
        const levels = why.map((reason) => levelOf(reason ? [reason] : []));
        return { why, levels, before: new Knowledge(null).whyDoubted({ keyId: 1 }) };
        """,
    )
    assert told == {"why": ["key-in-doubt", "key-retired", None], "levels": ["warn", "bad", "good"], "before": None}


async def test_a_load_that_was_refused_is_still_to_be_weighed_the_way_it_goes(page: Page) -> None:
    """W05: of a ticket of which this scale told an impossible weight the next load leaves; of one that left it comes back."""
    ways = await reading(
        page,
        """
        const { keepAnswers, keepRecord, weighedTickets } = await load("queue");
        const { keep } = await load("store");
        const { likelyDirection } = await load("check");
        const { stationMark } = await load("codes");
        const station = crypto.randomUUID();
        await keep("nextSequence", 7);
        for (const number of ["1", "2", "3"]) await keepRecord({ direction: "out" }, { number, visitId: number, tare: null });
        await keepAnswers([[7, { status: "refused" }], [8, { status: "accepted" }]]);
        const seen = new Map((await weighedTickets()).map(([number, direction]) => [number, [direction]]));
        const ticket = { sourceMark: stationMark(station), destinationMark: 0, isOut: false };
        return ["1", "2", "3"].map((number) => likelyDirection({ number, ...ticket }, station, seen));
        """,
    )
    assert ways == ["out", "back", "back"]


async def test_of_a_ticket_that_has_ended_no_extension_is_asked(page: Page) -> None:
    """E38: it is told how it has ended."""
    shown = await reading(
        page,
        """
        const { reasonsShown } = await load("check");
        const told = ["issued", "expired", "delivered"];
        return told.map((state) => reasonsShown({ reasons: ["ticket-used", "ticket-expired"], ticket: { state } }));
        """,
    )
    assert shown == [["ticket-used", "ticket-expired"], ["ticket-used", "ticket-lapsed"], ["ticket-used"]]


async def test_good_and_bad_do_not_sound_alike(page: Page) -> None:
    """W03: for those who look at the truck; the words on the screen say the same."""
    tunes = await reading(
        page,
        """
        const tunes = {};
        let heard;
        const { createOscillator } = AudioContext.prototype;
        AudioContext.prototype.createOscillator = function () {
          const made = createOscillator.call(this);
          heard.push(made);
          return made;
        };
        const { play } = await load("sound");
        for (const level of ["good", "warn", "bad"]) {
          heard = [];
          play(level);
          tunes[level] = heard.map((one) => one.frequency.value);
        }
        AudioContext.prototype.createOscillator = createOscillator;
        return tunes;
        """,
    )
    assert tunes == {"good": [660, 880], "warn": [520, 520], "bad": [220, 220, 180]}
