"""Values that are made by the thousand for each batch."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool = False, **options: Any) -> Callable[[type], type]:
        """As the standard library's; what is frozen is so for the type checker, which lets nobody change it.

        A guard that works while the service runs makes a value of 25 fields cost ten times as much.
        """
        return dataclasses.dataclass(unsafe_hash=frozen, **options)
