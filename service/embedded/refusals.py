"""What a person reads when the service cannot run."""


class CannotRun(Exception):
    """The service cannot run; both sentences say why and what to do."""

    def __init__(self, chinese: str, english: str) -> None:
        super().__init__(f"{chinese}\n{english}")
        self.chinese = chinese
        self.english = english


class CacheAway(CannotRun):
    """Valkey does not answer: what it holds may be lost, and the service runs without."""


class AlreadyRuns(CannotRun):
    """Another process holds the data folder."""
