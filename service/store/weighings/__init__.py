"""What the scales said, and what the rules ask about it: one exchange for a whole batch to read, one to write."""

from service.store.weighings.flows import Flow, find_flows
from service.store.weighings.listing import (
    find_over,
    find_sayings,
    list_weighings,
    lock_line,
    signature_of,
    still_said,
    versions_of,
)
from service.store.weighings.locking import lock
from service.store.weighings.reading import Asked, Found, find_lines_near, find_lines_of, find_roads, find_ticks, read
from service.store.weighings.roads import Road, Tare, until
from service.store.weighings.terms import find_sources, lock_terms
from service.store.weighings.writing import Refused, Version, keep_refused, keep_signatures, keep_versions, writing_of

__all__ = [
    "Asked",
    "Flow",
    "Found",
    "Refused",
    "Road",
    "Tare",
    "Version",
    "find_flows",
    "find_lines_near",
    "find_lines_of",
    "find_over",
    "find_roads",
    "find_sayings",
    "find_sources",
    "find_ticks",
    "keep_refused",
    "keep_signatures",
    "keep_versions",
    "list_weighings",
    "lock",
    "lock_line",
    "lock_terms",
    "read",
    "signature_of",
    "still_said",
    "until",
    "versions_of",
    "writing_of",
]
