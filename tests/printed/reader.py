"""How a station reads a picture of a printed code: the decoder as it is, on larger pictures, then on restored ones.

A decoder samples one pixel a module. What is out of focus by half a module has its single dark modules at a quarter of
their contrast, so the picture is restored first: enlarged, smoothed against noise, and sharpened step by step by what
blurring it again takes away (van Cittert's iteration, kept within black and white). Each step costs one blur. A wrong
reading is impossible: error correction and signature both speak against it.
"""

from collections.abc import Iterator

import zxingcpp
from PIL import Image, ImageChops, ImageFilter

_QR = zxingcpp.BarcodeFormat.QRCode
# (smoothing in pixels, steps after which a reading is tried)
_RESTORATIONS = ((1.3, (10, 14)), (1.5, (14, 18, 20)))
_BLUR_PIXELS = 1.5  # what a module of three pixels out of focus by its half has


def read_picture(picture: Image.Image) -> str | None:
    """The text of the one QR code in a picture, or None."""
    for candidate in _candidates(picture.convert("L")):
        found = zxingcpp.read_barcodes(candidate, formats=_QR)
        if found:
            text: str = found[0].text
            return text
    return None


def _candidates(picture: Image.Image) -> Iterator[Image.Image]:
    yield picture
    for factor in (2, 3):
        yield _enlarged(picture, factor)
    for smoothing, tries in _RESTORATIONS:
        yield from _restored(picture, smoothing, tries)


def _restored(picture: Image.Image, smoothing: float, tries: tuple[int, ...]) -> Iterator[Image.Image]:
    seen = _enlarged(picture, 2).filter(ImageFilter.GaussianBlur(2 * smoothing))
    spread = 2 * (_BLUR_PIXELS**2 + smoothing**2) ** 0.5
    guess = seen
    for step in range(1, tries[-1] + 1):
        again = guess.filter(ImageFilter.GaussianBlur(spread))
        lighter, darker = ImageChops.subtract(seen, again), ImageChops.subtract(again, seen)
        guess = ImageChops.subtract(ImageChops.add(guess, lighter), darker)
        if step in tries:
            yield guess


def _enlarged(picture: Image.Image, factor: int) -> Image.Image:
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.BICUBIC)
