"""The client of a person of the cast, as the fixture `by` gives it."""

from collections.abc import Callable

import httpx

from tests.cast import Person

By = Callable[[Person], httpx.AsyncClient]
