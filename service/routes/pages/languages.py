"""The languages of the pages: Chinese, and English for those who ask; the messages are English, their translations
stand in `translations/zh.po`."""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Literal

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from fastapi import Request

Language = Literal["zh", "en"]

LANGUAGES: tuple[Language, ...] = ("zh", "en")
COOKIE = "lang"
CATALOGUE = Path(__file__).parent / "translations" / "zh.po"


def language_of(request: Request) -> Language:
    """The language that the address asks for, or the reader chose before, or Chinese."""
    for asked in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if asked in LANGUAGES:
            return asked
    return "zh"


@cache
def translations(language: Language) -> NullTranslations:
    """The catalogue of a language, read once."""
    if language == "en":
        return NullTranslations()
    compiled = BytesIO()
    with CATALOGUE.open("rb") as source:
        write_mo(compiled, read_po(source, locale=language, charset="utf-8"))
    compiled.seek(0)
    return GNUTranslations(compiled)
