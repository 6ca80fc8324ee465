"""The station's own page: a page, a service worker and the files of one version, which work without a network."""

from functools import cache
from hashlib import sha256
from pathlib import Path

import orjson
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from service.domain.grades import GRADES
from service.domain.refusals import NotFound
from service.routes.pages.languages import translations
from service.routes.pages.rendering import CONTENT_SECURITY_POLICY, STATIC, environment
from service.routes.pages.words import WORDS

router = APIRouter()

# The reader of QR codes is WebAssembly, and reads in a worker.
POLICY = (
    CONTENT_SECURITY_POLICY.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'")
    + "; worker-src 'self'; manifest-src 'self'; media-src 'self' blob:"
)
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}
BEFORE_THE_FILES = "worker.js"
CODES = "station/codes.json"
VENDORED = ("vendor/noble-ed25519.js", "vendor/zxing-reader.js", "vendor/zxing_reader.wasm")
FAMILIES = ("flag", "check")


@cache
def files() -> dict[str, bytes]:
    """What one version is made of, by the path within it; the words of codes are the catalogue's."""
    folder = STATIC / "station"
    own = [f"station/{path.name}" for path in sorted(folder.iterdir()) if path.name != BEFORE_THE_FILES]
    found = {path: (STATIC / path).read_bytes() for path in ("mark.svg", *own, *VENDORED)}
    chinese = translations("zh").gettext
    words = {family: {code: [chinese(text), text] for code, text in WORDS[family].items()} for family in FAMILIES}
    return {**found, CODES: orjson.dumps(words)}


@cache
def version() -> str:
    """The name of what is served now: it changes whenever a byte of it does."""
    worker = (STATIC / "station" / BEFORE_THE_FILES).read_bytes()
    listed = orjson.dumps([(grade.code, grade.name) for grade in GRADES])
    parts = [listed, *(part for path, body in sorted(files().items()) for part in (path.encode(), body)), worker]
    template = environment("zh").get_template("station.html")
    parts.append(Path(str(template.filename)).read_bytes())
    return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()[:12]


def _address(path: str) -> str:
    return f"/station/files/{version()}/{path}"


@router.get("/station")
async def show_station() -> Response:
    """The page, the same for everybody: who weighs here is known to the browser alone."""
    template = environment("zh").get_template("station.html")
    page = template.render(version=version(), files=_address("").rstrip("/"), grades=GRADES)
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"})


@router.get("/station/worker.js")
async def show_worker() -> Response:
    """The service worker of this version, with the list of its files before it."""
    listed = ["/station", "/station/manifest.webmanifest", *(_address(path) for path in files())]
    head = f"const VERSION = {orjson.dumps(version()).decode()};\nconst FILES = {orjson.dumps(listed).decode()};\n"
    body = head.encode() + (STATIC / "station" / BEFORE_THE_FILES).read_bytes()
    return Response(
        body,
        media_type="text/javascript",
        headers={
            "Cache-Control": "no-cache",
            "Service-Worker-Allowed": "/station",
            "Content-Security-Policy": POLICY,
        },
    )


@router.get("/station/manifest.webmanifest")
async def show_manifest() -> Response:
    """What a browser needs to install the page as an application."""
    manifest = {
        "name": "镁溯计量站",
        "short_name": "计量站",
        "id": "/station",
        "start_url": "/station",
        "scope": "/station",
        "display": "standalone",
        "lang": "zh-CN",
        "background_color": "#e9eef3",
        "theme_color": "#12406b",
        "icons": [
            *(
                {"src": _address(f"station/icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png"}
                for size in (192, 512)
            ),
            {"src": _address("mark.svg"), "sizes": "any", "type": "image/svg+xml"},
        ],
    }
    return Response(
        orjson.dumps(manifest), media_type="application/manifest+json", headers={"Cache-Control": "no-cache"}
    )


@router.get("/station/files/{asked}/{path:path}")
async def show_file(asked: str, path: str) -> Response:
    """A file of this version; another version's are gone, and its browsers have them already."""
    body = files().get(path)
    if asked != version() or body is None:
        raise NotFound
    return Response(
        body,
        media_type=TYPES[Path(path).suffix],
        headers={"Cache-Control": "public, max-age=31536000, immutable", "Content-Security-Policy": POLICY},
    )
