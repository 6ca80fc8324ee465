"""What the rules ask about a batch, at once."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from service.db import Connection
from service.domain.policies import Policies
from service.domain.weighings import SAME_READING_WITHIN, Line, Record, Source, Terms, Tick, Told, event_span
from service.store.copying import array_of
from service.store.ledger import READ_OF_ENDS
from service.store.sentences import sentences, within
from service.store.weighings.lines import line_of, told_of
from service.store.weighings.roads import Road, Tare, tares_and_roads
from service.store.weighings.terms import sources_of, terms_of

SQL = sentences("weighings")


@dataclass(slots=True)
class Asked:
    """What is to be known: records by station and id, contracts, sources by year, plates from a moment on, accounts."""

    records: Sequence[tuple[UUID, UUID]] = ()
    lines: Sequence[tuple[UUID, Record, UUID | None, datetime]] = ()
    contracts: Sequence[UUID] = ()  # in the order of their ids
    loads: Collection[tuple[UUID, int]] = ()
    plates: Mapping[str, datetime] = field(default_factory=dict)
    before: timedelta = timedelta()  # so much earlier begins what is asked of plates
    accounts: Collection[int] = ()
    readings: Collection[tuple[UUID, int, datetime]] = ()
    papers: Collection[UUID] = ()  # contracts and slips


@dataclass(slots=True)
class Found:
    """The answer: records told before, lines of the same tickets and near in place and time, contracts, sources, the tares
    and loads of plates, when readings were told before; and what a memory of the ledger may be filled with."""

    told: dict[tuple[UUID, UUID], Told]
    lines: list[Line]
    terms: dict[UUID, Terms]
    sources: dict[tuple[UUID, int], Source]
    plates: Collection[str]
    tares: list[Tare]
    roads: list[Road]
    ends: Sequence[Sequence[Any]]
    readings: dict[tuple[UUID, int], list[datetime]]
    taken_back: dict[UUID, datetime]  # by paper, when a load under it was last refused, or came back
    sent_back: int  # how often that happened, of all papers


async def read(connection: Connection, asked: Asked, policies: Policies) -> Found:
    """What the rules ask of a batch, at once, under the locks of its stations and tickets; it locks the contracts.

    Of each plate the last fresh tares before a moment and all from then on; its loads that were on the road then.
    """
    lines = asked.lines
    row = await connection.fetchrow(
        _READ,
        array_of([station_id for station_id, _ in asked.records]),
        array_of([record_id for _, record_id in asked.records]),
        array_of([station_id for station_id, _, _, _ in lines]),
        array_of([record.direction.value for _, record, _, _ in lines]),
        [record.plate for _, record, _, _ in lines],
        array_of([ticket_id for _, _, ticket_id, _ in lines]),
        array_of([occurred_at for _, _, _, occurred_at in lines]),
        event_span(policies),
        asked.contracts,
        [source_id for source_id, _ in asked.loads],
        [year for _, year in asked.loads],
        list(asked.plates),
        array_of(asked.plates.values()),
        asked.before,
        array_of(asked.accounts),
        [station_id for station_id, _, _ in asked.readings],
        [number for _, number, _ in asked.readings],
        [occurred_at for _, _, occurred_at in asked.readings],
        SAME_READING_WITHIN,
        array_of(asked.papers),
    )
    assert row is not None, "it is one row"
    told = [told_of(one) for one in row["told"]]
    tares, roads = tares_and_roads(row["plates"])
    readings = defaultdict(list)
    for station_id, number, occurred_at in row["readings"]:
        readings[station_id, number].append(occurred_at)
    return Found(
        {(one.station_id, one.record_id): one for one in told},
        [line_of(one) for one in row["lines"]],
        await terms_of(connection, row["terms"]),
        sources_of(row["sources"]),
        asked.plates,
        tares,
        roads,
        row["ends"],
        readings,
        dict(row["taken_back"]),
        row["sent_back"],
    )


_READ = f"""
SELECT
    ARRAY(SELECT row(r.*) FROM {within(SQL["find_told"], 0)} AS r) AS told,
    ARRAY(SELECT row(l.*) FROM {within(SQL["find_lines"], 2)} AS l) AS lines,
    ARRAY(SELECT row(t.*) FROM {within(SQL["find_terms"], 8)} AS t) AS terms,
    ARRAY(SELECT row(s.*) FROM {within(SQL["find_sources"], 9)} AS s) AS sources,
    ARRAY(SELECT row(p.*) FROM {within(SQL["find_plates"], 11)} AS p) AS plates,
    ARRAY(SELECT row(e.*) FROM {within(READ_OF_ENDS, 14)} AS e) AS ends,
    ARRAY(SELECT row(n.*) FROM {within(SQL["find_readings"], 15)} AS n) AS readings,
    ARRAY(SELECT row(b.*) FROM {within(SQL["find_taken_back"], 19)} AS b) AS taken_back,
    (SELECT sent_back FROM head) AS sent_back
"""  # noqa: S608 - sentences of ours; one statement, one way there and back


async def find_lines_of(connection: Connection, ticket_ids: Collection[UUID]) -> list[Line]:
    """All that was told of these tickets."""
    return [line_of(row) for row in await connection.fetch(SQL["find_lines_of"], list(ticket_ids))]


async def find_lines_near(connection: Connection, line: Line, policies: Policies) -> list[Line]:
    """A record with all that was told of its ticket, and at its scale of its plate about the same time."""
    rows = await connection.fetch(
        SQL["find_lines"],
        *(
            array_of([line.told.station_id]),
            array_of([line.record.direction.value]),
            [line.record.plate],
            array_of([line.ticket_id]),
            array_of([line.occurred_at]),
        ),
        event_span(policies),
    )
    return [line_of(row) for row in rows]


async def find_roads(connection: Connection, plates: Collection[str], since: datetime) -> list[Road]:
    """The plates' loads that were on the road after a moment, and what papers of theirs are open."""
    asked = list(plates)
    rows = await connection.fetch(SQL["find_plates"], asked, array_of([since] * len(asked)), timedelta())
    return tares_and_roads(rows)[1]


async def find_ticks(connection: Connection, numbers: Collection[tuple[UUID, int]]) -> dict[UUID, list[Tick]]:
    """What stations told under these numbers and beside them, by station."""
    ticks: dict[UUID, list[Tick]] = {}
    asked = ([station_id for station_id, _ in numbers], [number for _, number in numbers])
    for station_id, *said in await connection.fetch(SQL["find_ticks"], *asked):
        ticks.setdefault(station_id, []).append(Tick(*said))
    return ticks
