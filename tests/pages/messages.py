"""The messages that the pages use, read from their templates and code."""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract_from_dir

from service.routes import pages

FOLDER = Path(pages.__file__).parent
METHODS = [("templates/**.html", "jinja2"), ("words.py", "python"), ("**.py", "python")]
OPTIONS = {"templates/**.html": {"extensions": "jinja2.ext.i18n", "silent": "false", "trim_blocks": "true"}}
KEYWORDS: dict[str, tuple[int, ...] | None] = {"_": None, "gettext": None, "ngettext": (1, 2)}


def messages() -> Iterator[str | tuple[str, ...]]:
    """Every message that is marked for translation; those with a plural as a pair."""
    found = extract_from_dir(
        str(FOLDER),
        [("templates/**.html", "jinja2.ext:babel_extract"), ("**.py", "python")],
        options_map=OPTIONS,
        keywords=KEYWORDS,
    )
    for _, _, message, _, _ in found:
        yield message
