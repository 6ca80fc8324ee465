"""The station's page runs on Chrome 109, where old PCs stop, and on phones: syntax by a parser, names by a table."""

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from service.routes.pages.rendering import STATIC
from service.routes.pages.station import VENDORED

VENDOR = Path(__file__).parent / "vendor"
LATE = json.loads((VENDOR / "late.json").read_bytes())
SCRIPTS = sorted((STATIC / "station").glob("*.js"))
CLASSIC = {"camera-worker.js", "worker.js"}
# What newer browsers alone have, and is asked for before it is used; and names of the reader of codes and of the service.
OPTIONAL = {"serial", "getPorts", "requestPort"}
OF_OTHERS = {"isValid", "lost"}

NAMES = """
(source, isModule) => {
  const tree = acorn.parse(source, {ecmaVersion: 2022, sourceType: isModule ? "module" : "script"});
  const used = new Set(), own = new Set();
  const declare = (node) => {
    if (!node) return;
    if (node.type === "Identifier") own.add(node.name);
    else if (node.type === "ObjectPattern") node.properties.forEach((one) => declare(one.value ?? one.argument));
    else if (node.type === "ArrayPattern") node.elements.forEach(declare);
    else if (node.type === "AssignmentPattern") declare(node.left);
    else if (node.type === "RestElement") declare(node.argument);
  };
  const visit = (node) => {
    if (!node || typeof node.type !== "string") return;
    if (node.type === "MemberExpression" && !node.computed) used.add(node.property.name);
    if (node.type === "Identifier") used.add(node.name);
    if (node.type === "Property" && !node.computed) used.add(node.key.name ?? node.key.value);
    if (node.type === "VariableDeclarator") declare(node.id);
    if (node.params) node.params.forEach(declare);
    if (/^(Function|Class)/.test(node.type)) declare(node.id);
    if (/^(MethodDefinition|PropertyDefinition)$/.test(node.type) && !node.computed) own.add(node.key.name);
    if (/^Import.*Specifier$/.test(node.type)) declare(node.local);
    for (const part of Object.values(node)) {
      if (Array.isArray(part)) part.forEach(visit);
      else visit(part);
    }
  };
  visit(tree);
  return [[...used], [...own]];
}
"""


@pytest.fixture
async def parser(browser: Browser) -> Page:
    page = await browser.new_page()
    await page.add_script_tag(path=VENDOR / "acorn.js")
    return page


async def test_no_script_uses_what_the_oldest_browser_does_not_know(parser: Page) -> None:
    used: set[str] = set()
    own: set[str] = set()
    for script in SCRIPTS:
        found = await parser.evaluate(
            f"([source, isModule]) => ({NAMES})(source, isModule)",
            [script.read_text(encoding="utf-8"), script.name not in CLASSIC],
        )
        used |= set(found[0])
        own |= set(found[1])
    assert {"fetch", "indexedDB", "serviceWorker", "normalize"} <= used, "the names are read"
    assert sorted((used - own) & set(LATE["script"]) - OPTIONAL - OF_OTHERS) == []


async def test_vendored_scripts_are_of_no_later_syntax(parser: Page) -> None:
    for path in VENDORED:
        if path.endswith(".js"):
            source = (STATIC / path).read_text(encoding="utf-8")
            parse = "([source, kind]) => void acorn.parse(source, {ecmaVersion: 2022, sourceType: kind})"
            await parser.evaluate(parse, [source, "module" if "noble" in path else "script"])


async def test_the_check_would_notice(parser: Page) -> None:
    found = await parser.evaluate(f"(source) => ({NAMES})(source, true)", "Object.groupBy([1].toSorted(), String)")
    assert {"groupBy", "toSorted"} <= set(found[0]) & set(LATE["script"])
    refused = await parser.evaluate("() => { try { acorn.parse('/a/v', {ecmaVersion: 2022}) } catch { return true } }")
    assert refused


def test_no_style_uses_what_the_oldest_browser_does_not_know() -> None:
    style = re.sub(r"/\*.*?\*/", "", (STATIC / "station" / "station.css").read_text(encoding="utf-8"), flags=re.DOTALL)
    used = set(re.findall(r"(?:^|[;{])\s*([a-z-]+)\s*:", style, re.MULTILINE))
    used |= set(re.findall(r"[:@]([a-z][a-z-]+)", style)) | set(re.findall(r"([a-z-]+)\(", style))
    assert {"grid-template-columns", "media", "min"} <= used, "the names are read"
    assert sorted(used & set(LATE["style"])) == []
    assert not re.search(r"\{[^}@]*\{[^}]*\{", style), "rules are not nested"
