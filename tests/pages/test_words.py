"""The catalogue: every message is translated, none is left over, and none loses a figure on the way."""

import re

from babel.messages.pofile import read_po

from service.domain.alerts import Flag
from service.domain.codes.tickets import CodeFault
from service.domain.tickets import CheckReason, TicketState
from service.routes.pages.languages import CATALOGUE
from service.routes.pages.rendering import HERE
from service.routes.pages.words import WORDS
from tests.pages.messages import messages


def catalogue() -> dict[str | tuple[str, ...], str | tuple[str, ...]]:
    with CATALOGUE.open("rb") as source:
        found = read_po(source, locale="zh", charset="utf-8", abort_invalid=True)
    return {message.id: message.string for message in found if message.id}


def test_every_message_has_a_translation_and_every_translation_a_message() -> None:
    used, translated = set(messages()), catalogue()
    assert not used - translated.keys(), "not translated"
    assert not translated.keys() - used, "no longer used"
    assert not [message for message, words in translated.items() if not words or not any(words)]


def test_translations_keep_the_places_of_their_figures() -> None:
    for message, words in catalogue().items():
        sources = message if isinstance(message, tuple) else (message,)
        targets = words if isinstance(words, tuple) else (words,)
        named = {name for text in sources for name in re.findall(r"%\((\w+)\)s", text)}
        assert all(set(re.findall(r"%\((\w+)\)s", text)) == named for text in targets), message


def test_what_is_done_in_a_row_of_a_table_stands_in_sight_on_a_phone() -> None:
    """A table in which something is decided is read as cards there; what stands in its last column lay beside the screen."""
    tables = [
        (page.name, attributes)
        for page in sorted((HERE / "templates").glob("*.html"))
        for attributes, rows in re.findall(r"<table([^>]*)>(.*?)</table>", page.read_text(encoding="utf-8"), re.DOTALL)
        if "<form" in rows or "deed(" in rows
    ]
    assert len(tables) > 7
    assert [page for page, attributes in tables if 'class="cards"' not in attributes] == []


def test_every_code_that_the_service_knows_has_a_word() -> None:
    assert {flag.value for flag in Flag} == WORDS["flag"].keys()
    assert {state.value for state in TicketState} == WORDS["ticket_state"].keys()
    assert {*CodeFault, *CheckReason} <= WORDS["check"].keys()
