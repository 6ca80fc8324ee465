"""The tables of registry, people and pages as rows; the migrations shape them, these only name their columns."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel


class PersonRow(SQLModel, table=True):
    """Somebody, or a station's device, who signs in."""

    __tablename__ = "person"

    id: UUID = Field(primary_key=True)
    username: str
    password_hash: str = Field(repr=False)
    name: str
    role: str
    jurisdiction: str | None = None
    enterprise_id: UUID | None = None
    station_id: UUID | None = None
    disabled: bool = False
    generation: int = 1
    created_at: datetime = Field(sa_type=DateTime(timezone=True))


class RefreshTokenRow(SQLModel, table=True):
    """One refresh token that was given, as its hash."""

    __tablename__ = "refresh_token"

    token_hash: bytes = Field(primary_key=True)
    family: UUID
    person_id: UUID
    issued_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))
    used_at: datetime | None = Field(None, sa_type=DateTime(timezone=True))
    revoked_at: datetime | None = Field(None, sa_type=DateTime(timezone=True))


class RevocationRow(SQLModel, table=True):
    """Access tokens that ended before they expired."""

    __tablename__ = "revocation"

    id: UUID = Field(primary_key=True)
    person_id: UUID
    family: UUID | None = None
    generation: int | None = None
    revoked_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))


class JurisdictionRow(SQLModel, table=True):
    """A province, city or county by its GB/T 2260 code."""

    __tablename__ = "jurisdiction"

    code: str = Field(primary_key=True)
    name: str
    name_en: str
    level: str
    parent: str | None


class Entry(SQLModel):
    """What all entries of the registry have: an id, and a version that each edit raises."""

    slice: ClassVar[str]

    id: UUID = Field(primary_key=True)
    version: int = 1
    created_at: datetime = Field(sa_type=DateTime(timezone=True))


class EnterpriseRow(Entry, table=True):
    """A firm that mines, dresses, processes or trades."""

    __tablename__ = "enterprise"
    slice = "enterprises"

    credit_code: str
    name: str
    kinds: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    jurisdiction: str
    group_code: str | None = None


class MineRow(Entry, table=True):
    """A mine with its licence."""

    __tablename__ = "mine"
    slice = "mines"

    enterprise_id: UUID
    name: str
    jurisdiction: str
    method: str
    licence_number: str
    licence_scale_kg: int = Field(sa_type=BigInteger)
    licence_valid_from: date
    licence_valid_until: date
    consolidated: bool
    environment_ok: bool
    safety_ok: bool
    operating: str


class StationRow(Entry, table=True):
    """A weighing station of a mine or of a firm's yard."""

    __tablename__ = "station"
    slice = "stations"

    name: str
    jurisdiction: str
    mine_id: UUID | None
    enterprise_id: UUID | None
    latitude: float | None = None
    longitude: float | None = None
    bridge_class: str | None = None
    gross_limit_kg: int | None = None


class LineRow(Entry, table=True):
    """A production line of a plant."""

    __tablename__ = "line"
    slice = "lines"

    enterprise_id: UUID
    name: str
    kind: str
    kiln: str | None
    status: str
    ore_per_product: Decimal


class ProjectRow(Entry, table=True):
    """A restoration or hazard-removal project that yields ore."""

    __tablename__ = "project"
    slice = "projects"

    name: str
    jurisdiction: str
    operator_id: UUID
    approved_kg: int = Field(sa_type=BigInteger)
    valid_from: date
    valid_until: date
    document_no: str
    exit_station_id: UUID | None = None


class StockRow(Entry, table=True):
    """Ore that an enterprise had before the regime began, as it was surveyed."""

    __tablename__ = "stock"
    slice = "stocks"

    enterprise_id: UUID
    grade: str
    kg: int = Field(sa_type=BigInteger)
    surveyed_on: date
    document_no: str


class RevisionRow(SQLModel, table=True):
    """What an entry says from a version on, who wrote it and when."""

    __tablename__ = "revision"

    slice: str = Field(primary_key=True)
    entry_id: UUID = Field(primary_key=True)
    version: int = Field(primary_key=True)
    entry: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    person_id: UUID
    recorded_at: datetime = Field(sa_type=DateTime(timezone=True))
