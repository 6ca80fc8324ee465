"""Pages made of templates: in the reader's language, escaped, with no outside request."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from service.domain.permissions import reach
from service.domain.policies import ABOUT
from service.domain.units import SHANGHAI, Kilograms, tonnes
from service.routes.pages.languages import COOKIE, LANGUAGES, Language, language_of, translations
from service.routes.pages.looks import Look
from service.routes.pages.menu import menu_of
from service.routes.pages.returned import returned_to
from service.routes.pages.words import WORDS_OF_REFUSAL, word

HERE = Path(__file__).parent
STATIC = HERE / "static"

# ECharts, htmx and Pico need neither eval nor inline styles; whoever smuggles a script in finds it dead.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# How refusals name the members of their answers: in Chinese as they stand, in English between backticks.
MEMBER = re.compile(r"(?<![A-Za-z_])([a-z]+(?:_[a-z]+)*)(?![A-Za-z_])")
STATED_TIME = re.compile(r"\d{4}-\d{2}-\d{2}(T.*)?$")
MEMBER_EN = re.compile(r"`([a-z_]+)`")
# Members whose codes and names a sentence says; others that hold a text are asked for under their names.
TOLD = frozenset({"authority", "faults", "missing", "state", "unknown"})
LANGUAGE_SECONDS = 400 * 24 * 3600


@cache
def static_url(path: str) -> str:
    """A static file's address, which changes whenever its bytes do."""
    return f"/static/{path}?v={sha256((STATIC / path).read_bytes()).hexdigest()[:12]}"


def number_of_tonnes(kg: int) -> str:
    """Kilograms as a number of tonnes, for columns whose head says the unit."""
    return tonnes(Kilograms(kg)).split(" ", maxsplit=1)[0]


def day(value: date | datetime | None) -> str:
    """A day in Asia/Shanghai, or a dash."""
    if isinstance(value, datetime):
        value = value.astimezone(SHANGHAI).date()
    return value.isoformat() if value else "—"


def moment(value: datetime | None) -> str:
    """A minute in Asia/Shanghai, or a dash."""
    return value.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M") if value else "—"


def tongue(said: str, language: Language) -> str:
    """The reader's half of what is said in both languages, and all of what is said in one."""
    zh, cut, en = said.partition(" / ")
    return said if not cut or " / " in en else zh if language == "zh" else en


def sentence(problem: Mapping[str, Any], language: Language) -> str:
    """A problem's sentence as people read it: what it names as a member of the answer is said in its place."""
    title = str(problem["title" if language == "zh" else "title_en"])
    family = WORDS_OF_REFUSAL.get(problem["code"])

    def named(code: str) -> str:
        return translations(language).gettext(word(code, family)) if family else str(code)

    def said(name: re.Match[str]) -> str:
        value = problem.get(name[1])
        if isinstance(value, int) and name[1].endswith("kg"):
            return tonnes(Kilograms(value), language)
        if name[1] in TOLD and isinstance(value, str | list):
            told = [value] if isinstance(value, str) else value
            return ("、" if language == "zh" else ", ").join(map(named, told)) or "—"
        if isinstance(value, str) and STATED_TIME.match(value):
            value = datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)
        if isinstance(value, datetime):
            return moment(value)
        return str(value) if isinstance(value, int | date) else name[0]

    return (MEMBER if language == "zh" else MEMBER_EN).sub(said, title)


def share(part: int, whole: int) -> str:
    """A share in percent, never rounded to nothing and never to all."""
    if not whole:
        return "—"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:,.1f} %".replace(".0 %", " %")


def isolated(name: object) -> Markup:
    """A name that others gave, in a box of its own: its writing direction does not reach what stands around it."""
    return Markup("<bdi>{}</bdi>").format(name)


def policy_value(value: object, say: Callable[[str], str]) -> str:
    """A policy's value as people read it: shares in percent."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    if isinstance(value, dict):
        return " / ".join(policy_value(one, say) for one in value.values())
    if isinstance(value, list):
        return ", ".join(f"{score}: {policy_value(share, say)}" for score, share in value)
    if isinstance(value, str) and re.fullmatch(r"[01](\.\d+)?", value):
        return f"{Decimal(value) * 100:f}".rstrip("0").rstrip(".") + " %" if "." in value else f"{int(value) * 100} %"
    return say(word(value, "policy_value"))


@cache
def environment(language: Language) -> Environment:
    """The templates of a language."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    catalogue = translations(language)
    made.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    filters: Mapping[str, Callable[..., object]] = {
        "t": number_of_tonnes,
        "tonnes": lambda kg: tonnes(kg, language),
        "sentence": lambda problem: sentence(problem, language),
        "tongue": lambda said: tongue(said, language),
        "day": day,
        "moment": moment,
        "word": lambda code, family: catalogue.gettext(word(code, family)),
        "name": isolated,
        "then": then,
        "here": here,
        "zip": zip,
        "policy": lambda value: policy_value(value, catalogue.gettext),
        "policy_name": lambda name: ABOUT[name].zh if language == "zh" else ABOUT[name].en,
    }
    made.filters.update(filters)
    made.globals.update(language=language, static_url=static_url, share=share, reach=reach)
    return made


@pass_context
def then(context: Context, href: str) -> str:
    """The address of a page that looks back, too, from the moment from which this one is looked at."""
    look: Look | None = context["look"]
    return look.keeps(href) if look else href


@pass_context
def here(context: Context, action: str) -> str:
    """The address of a form, with what its page was asked for: where it is refused, however often, the page is shown as it was."""
    query = context["request"].url.query
    return f"{action}?{query}" if query else action


def language_links(request: Request) -> dict[Language, str]:
    """This page's address in each language."""
    return {
        language: str(request.url.include_query_params(lang=language).replace(scheme="", netloc=""))
        for language in LANGUAGES
    }


def render(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **context: Any
) -> HTMLResponse:
    """A page in the reader's language, which is remembered when the address asks for one."""
    language = language_of(request)
    look: Look | None = getattr(request.state, "look", None)
    frame = {
        "viewer": None,
        "actor": None,
        "csrf": None,
        "refused": None,
        "look": look,
        "kept": returned_to(request).kept,
    }
    said = {**frame, "is_back": look is not None and look.at is not None, **context}
    kinds = said["viewer"] and said["viewer"]["kinds"]
    body = (
        environment(language)
        .get_template(template)
        .render(
            request=request,
            path=request.url.path,
            language_links=language_links(request),
            menu=menu_of(said["actor"], kinds),
            **said,
        )
    )
    answer = HTMLResponse(
        body,
        status,
        {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-store", **(headers or {})},
    )
    answer.headers["Content-Language"] = "zh-CN" if language == "zh" else "en"
    answer.headers["Vary"] = "Cookie, Accept"
    if request.query_params.get("lang") in LANGUAGES:
        answer.set_cookie(
            COOKIE,
            language,
            max_age=LANGUAGE_SECONDS,
            httponly=True,
            samesite="lax",
            secure=request.app.state.settings.public_url.startswith("https://"),
        )
    return answer
