"""What happens to a printed code between the printer and the reader's camera."""

from collections.abc import Callable, Mapping
from io import BytesIO
from random import Random

from PIL import Image, ImageChops, ImageFilter

Damage = Callable[[Image.Image, int, Random], Image.Image]

MOST_DEGREES = 12.0
BLUR_MODULES = 0.5  # the Gaussian's σ
NOISE_SHARE = 0.12  # σ, of the span from black to white
JPEG_QUALITY = 60
FEWEST_PIXELS = 3  # a module


def turned(picture: Image.Image, pixels: int, draw: Random) -> Image.Image:
    """Held crooked, by up to 12° either way."""
    degrees = draw.uniform(-MOST_DEGREES, MOST_DEGREES)
    return picture.rotate(degrees, expand=True, fillcolor=255, resample=Image.Resampling.BICUBIC)


def blurred(picture: Image.Image, pixels: int, draw: Random) -> Image.Image:
    """Out of focus: σ of half a module."""
    return picture.filter(ImageFilter.GaussianBlur(BLUR_MODULES * pixels))


def noisy(picture: Image.Image, pixels: int, draw: Random) -> Image.Image:
    """In bad light: Gaussian noise on each pixel."""
    return ImageChops.add(picture, Image.effect_noise(picture.size, 255 * NOISE_SHARE), scale=1, offset=-128)


def squeezed(picture: Image.Image, pixels: int, draw: Random) -> Image.Image:
    """Sent by a messenger that saves bytes."""
    file = BytesIO()
    picture.save(file, "JPEG", quality=JPEG_QUALITY)
    return Image.open(BytesIO(file.getvalue()))


def untouched(picture: Image.Image, pixels: int, draw: Random) -> Image.Image:
    """Small is all that it is."""
    return picture


def everything(picture: Image.Image, pixels: int, draw: Random) -> Image.Image:
    """All of it, as it happens: crooked and out of focus on the sensor, which adds noise, then squeezed."""
    for damage in (turned, blurred, noisy, squeezed):
        picture = damage(picture, pixels, draw)
    return picture


# With the pixels of a module: a phone held at a hand's width sees six or more.
SINGLE: Mapping[str, tuple[int, Damage]] = {
    "turned": (6, turned),
    "blurred": (6, blurred),
    "noisy": (6, noisy),
    "squeezed": (6, squeezed),
    "three pixels a module": (FEWEST_PIXELS, untouched),
}
COMBINED: tuple[int, Damage] = (FEWEST_PIXELS, everything)
