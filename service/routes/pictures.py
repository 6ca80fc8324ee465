"""QR codes as pictures, for screens and for paper. Each takes some 20 ms of a processor: have it made in a thread."""

from io import BytesIO

from PIL import Image
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

_QUIET_MODULES = 4
# Shorter runs of digits are not worth a segment of their own.
_SHORTEST_DIGIT_RUN = 20


def qr_svg(text: str) -> str:
    """The QR code of a text as SVG, one unit a module with the quiet zone, black on white, of any size."""
    rows = _modules(text)
    side = len(rows)
    path = "".join(
        f"M{start},{y}h{length}v1h-{length}z" for y, row in enumerate(rows) for start, length in _dark_runs(row)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0,0h{side}v{side}h-{side}z"/><path d="{path}"/></svg>'
    )


def qr_png(text: str, scale: int) -> bytes:
    """The QR code of a text as a black and white PNG, with so many pixels a module."""
    rows = _modules(text)
    image = Image.new("1", (len(rows), len(rows)))
    image.putdata([255 * (not dark) for row in rows for dark in row])
    picture = BytesIO()
    image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST).save(picture, "PNG")
    return picture.getvalue()


def _modules(text: str) -> list[list[bool]]:
    code = QRCode(error_correction=ERROR_CORRECT_M, border=_QUIET_MODULES)
    code.add_data(text, optimize=_SHORTEST_DIGIT_RUN)
    code.make(fit=True)
    return [[bool(dark) for dark in row] for row in code.get_matrix()]


def _dark_runs(row: list[bool]) -> list[tuple[int, int]]:
    edges = [x for x in range(len(row) + 1) if (x < len(row) and row[x]) != (x > 0 and row[x - 1])]
    return [(start, end - start) for start, end in zip(edges[::2], edges[1::2], strict=True)]
