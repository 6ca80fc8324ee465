"""The tables of registry, people and pages as rows; the migrations shape them, these only name their columns."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime
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
