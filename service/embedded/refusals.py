"""What a person reads when the service cannot start."""


class CannotStart(Exception):
    """The service cannot start; both sentences say why and what to do."""

    def __init__(self, chinese: str, english: str) -> None:
        super().__init__(f"{chinese}\n{english}")
        self.chinese = chinese
        self.english = english
