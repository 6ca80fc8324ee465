"""What a scale said, and what follows from it: legs of kilograms, flags, and the ticket's journey (W02 to W10).

A weighing is a fact: but for the impossible it is recorded, whatever is wrong with it. Only a ticket's own load can
arrive: a destination weighing without a ticket of ours, or the second of one ticket, is kept and flagged but moves no
kilograms, since the ore that left without a paper already stands on the road, out of a suspense account.
"""

from service.domain.weighings.circumstances import Circumstances, Source, Station, Terms
from service.domain.weighings.clocks import Tick, Ticks
from service.domain.weighings.deeds import Deed, beginning, held_until, is_impossible, share, story_of
from service.domain.weighings.events import Event, event_span, is_one_event
from service.domain.weighings.judging import weigh
from service.domain.weighings.legs import legs_of_the_arrival, legs_of_the_gap
from service.domain.weighings.namings import Naming, named_ticket
from service.domain.weighings.outcomes import Leg, Outcome
from service.domain.weighings.records import (
    Direction,
    IdReused,
    ImpossibleWeight,
    NotCorrectable,
    NothingInSuspense,
    NothingToCorrect,
    NotOfAMine,
    Record,
    Status,
    TicketIsInHand,
    WeighingIsVoid,
    correction_fact,
    fact_of,
    impossible,
)
from service.domain.weighings.sequences import Sequences
from service.domain.weighings.sharings import Sharing
from service.domain.weighings.signs import SAME_READING_WITHIN, tare_drifts
from service.domain.weighings.told import RANKS, Line, Said, Told, firsts_of, told_together, told_without

__all__ = [
    "RANKS",
    "SAME_READING_WITHIN",
    "Circumstances",
    "Deed",
    "Direction",
    "Event",
    "IdReused",
    "ImpossibleWeight",
    "Leg",
    "Line",
    "Naming",
    "NotCorrectable",
    "NotOfAMine",
    "NothingInSuspense",
    "NothingToCorrect",
    "Outcome",
    "Record",
    "Said",
    "Sequences",
    "Sharing",
    "Source",
    "Station",
    "Status",
    "Terms",
    "Tick",
    "TicketIsInHand",
    "Ticks",
    "Told",
    "WeighingIsVoid",
    "beginning",
    "correction_fact",
    "event_span",
    "fact_of",
    "firsts_of",
    "held_until",
    "impossible",
    "is_impossible",
    "is_one_event",
    "legs_of_the_arrival",
    "legs_of_the_gap",
    "named_ticket",
    "share",
    "story_of",
    "tare_drifts",
    "told_together",
    "told_without",
    "weigh",
]
