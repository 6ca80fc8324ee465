"""QR codes, read back from their pictures as a scanner would."""

from io import BytesIO
from xml.etree import ElementTree

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from service.domain.codes.tickets import CODE_DIGITS, code_text
from service.routes.pictures import qr_png, qr_svg

DIGITS = ("0031415926535897932384626433832795028841971693993751" * 6)[:CODE_DIGITS]
URL = code_text("https://meisu.anshan.example.cn", DIGITS)


def drawn(svg: str, scale: int) -> Image.Image:
    """The SVG's dark runs, drawn one by one."""
    root = ElementTree.fromstring(svg)
    side = int(root.attrib["viewBox"].split()[2])
    image = Image.new("L", (side * scale, side * scale), 255)
    canvas = ImageDraw.Draw(image)
    for run in root[1].attrib["d"].split("z")[:-1]:
        place, length = run.removeprefix("M").split("v")[0].split("h")
        x, y = (int(number) for number in place.split(","))
        canvas.rectangle((x * scale, y * scale, (x + int(length)) * scale - 1, (y + 1) * scale - 1), fill=0)
    return image


@pytest.mark.parametrize("scale", [3, 8])
def test_a_printed_code_is_read_back(scale: int) -> None:
    picture = Image.open(BytesIO(qr_png(URL, scale)))
    [found] = zxingcpp.read_barcodes(picture.convert("L"))
    assert found.text == URL
    assert found.ec_level == "M"
    assert picture.size == (57 * scale, 57 * scale), "version 8: 49 modules and the quiet zone"


@pytest.mark.parametrize("degrees", [-12, 7])
def test_a_crooked_scan_is_read_back(degrees: int) -> None:
    picture = Image.open(BytesIO(qr_png(URL, 4))).convert("L").rotate(degrees, expand=True, fillcolor=255)
    assert [found.text for found in zxingcpp.read_barcodes(picture)] == [URL]


def test_the_svg_says_the_same() -> None:
    assert [found.text for found in zxingcpp.read_barcodes(drawn(qr_svg(URL), 4))] == [URL]


@pytest.mark.parametrize("text", ["<script>&\"'", "海城", "A", "HTTP://127.0.0.1:8000/T/" + DIGITS])
def test_any_text_makes_a_picture_that_holds_nothing_but_modules(text: str) -> None:
    assert [found.text for found in zxingcpp.read_barcodes(Image.open(BytesIO(qr_png(text, 4))).convert("L"))] == [text]
    assert [element.tag.split("}")[1] for element in ElementTree.fromstring(qr_svg(text)).iter()] == [
        "svg",
        "path",
        "path",
    ]
