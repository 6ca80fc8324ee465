"""Entries in words: what a fact says, whose entry it names, and what each version has changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from service.db import Connection
from service.domain.permissions import Actor
from service.domain.sheets import Column
from service.routes.pages.languages import Language
from service.routes.pages.registry.kinds import CODED, NAMED, Kind
from service.store import pages as reads
from service.store import registry
from service.store.tables import Entry, RevisionRow

Said = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fact:
    """What an entry says of one thing: a code with the family of its words, or a name with where it leads."""

    column: Column
    value: Any
    family: str | None = None
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One version: who entered it when, and which facts it changed, each before and after."""

    version: int
    person: str | None
    recorded_at: datetime
    changed: Sequence[tuple[Fact, Fact]]


@dataclass(frozen=True, slots=True)
class Names:
    """What places and entries are called that others name, and which of the entries the reader may open."""

    places: Mapping[str, str]
    entries: Mapping[UUID, str]
    known: frozenset[UUID]

    def fact(self, kind: Kind, field: str, value: Any) -> Fact:
        """A fact in words."""
        column = kind.column(field)
        if field == "jurisdiction":
            return Fact(column, self.places.get(value, value))
        if field in NAMED and value is not None:
            key = _id(value)
            href = f"/registry/{NAMED[field].slice}/{key}" if key in self.known else None
            return Fact(column, self.entries.get(key, "—"), href=href)
        if field == "ore_per_product" and value is not None:
            value = f"{Decimal(value).normalize():f}"
        return Fact(column, value, CODED[field][0] if field in CODED else None)

    def facts(self, kind: Kind, said: Said, fields: Iterable[str]) -> list[Fact]:
        """Some facts of an entry in words."""
        return [self.fact(kind, field, said.get(field)) for field in fields]


async def names_for(
    session: AsyncSession,
    connection: Connection,
    entries: Iterable[Said],
    *,
    language: Language,
    actor: Actor,
) -> Names:
    """The names of all that some entries, or versions of them, name."""
    ids: dict[type[Entry], set[UUID]] = {}
    for said in entries:
        for field, row in NAMED.items():
            if said.get(field) is not None:
                ids.setdefault(row, set()).add(_id(said[field]))
    known: set[UUID] = set()
    for row, keys in ids.items():
        known |= await registry.known(session, row, keys, registry.seen_by(row, actor))
    spoken = "name" if language == "zh" else "name_en"
    return Names(
        {place["code"]: place[spoken] for place in await reads.list_places(connection)},
        await reads.names_of(connection, [key for keys in ids.values() for key in keys]),
        frozenset(known),
    )


def said_by(kind: Kind, entry: Entry) -> Said:
    """What an entry says now."""
    return {column.field: getattr(entry, column.field) for column in kind.columns}


def changes_of(
    kind: Kind, revisions: Sequence[RevisionRow], names: Names, people: Mapping[UUID, str]
) -> Sequence[Change]:
    """What each version has changed, the newest first; the first that is kept has nothing before it."""
    fields = [column.field for column in kind.columns]
    changes: list[Change] = []
    before: Said | None = None
    for revision in revisions:
        said = revision.entry
        changed = [
            (was, now)
            for was, now in zip(names.facts(kind, before or said, fields), names.facts(kind, said, fields), strict=True)
            if was != now
        ]
        changes.append(Change(revision.version, people.get(revision.person_id), revision.recorded_at, changed))
        before = said
    return changes[::-1]


def _id(value: UUID | str) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)
