"""Where the bench measures: servers of its own with the settings of `serve`, in a folder that is gone afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import migrations
from service.embedded import Endpoints, services
from service.keys import KeyRing
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Grounds:
    """An empty book on durable servers, the keys that sign it, and how much is to be measured."""

    settings: Settings
    endpoints: Endpoints
    keys: KeyRing
    quick: bool

    @property
    def rounds(self) -> int:
        """How often each figure is taken; the median counts."""
        return self.size(3, 2)

    @property
    def short_rounds(self) -> int:
        """The same for figures that take a second or two: what the host does for some seconds is then in few of them."""
        return self.size(7, 2)

    def size(self, whole: int, quick: int) -> int:
        """How large a book is, or how often something is done: less where time is short."""
        return quick if self.quick else whole


@contextmanager
def grounds(*, quick: bool) -> Iterator[Grounds]:
    """Start servers and shape the database; call it outside an event loop."""
    with TemporaryDirectory(prefix="meisu-bench-") as folder:
        Path(folder).chmod(0o711)  # as root, the servers' own account passes through it
        settings = Settings(data=Path(folder) / "data")
        with services(settings.data, durable=True) as endpoints:
            migrations.upgrade(endpoints.owner_database_url)
            yield Grounds(settings, endpoints, KeyRing.open(settings.data, datetime.now(UTC)), quick)
