"""What time it is; demo and tests may move it."""

from datetime import UTC, datetime


class Clock:
    """The wall's clock, or one that starts elsewhere and runs at another rate (`MEISU_CLOCK=<RFC 3339>,<rate>`)."""

    def __init__(self, setting: str | None = None) -> None:
        self._started = datetime.now(UTC)
        start, _, rate = (setting or "").partition(",")
        self._start = datetime.fromisoformat(start).astimezone(UTC) if start else self._started
        self._rate = float(rate) if rate else 1.0

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return self._start + (datetime.now(UTC) - self._started) * self._rate

    def stop_at(self, moment: datetime) -> None:
        """Stand still at a moment, for all who go by this clock; only tests do so."""
        self._start, self._rate = moment.astimezone(UTC), 0.0
