"""People: oneself, and those to whom an office or an enterprise gives a sign-in."""

from datetime import UTC, datetime
from typing import Annotated, Self
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import (
    BaseModel,
    PlainValidator,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from service.actions import people as deeds
from service.auth import People, may
from service.auth.tokens import LONGEST_LIFETIME
from service.db import ReaderDep, SessionDoor, database
from service.domain import people as rules
from service.domain.codes.texts import Malformed
from service.domain.permissions import Actor, Role
from service.domain.refusals import MalformedBody, NotFound, NotSignedIn
from service.routes.fields import Body, Flag, JurisdictionCode, Name, UuidText, refused
from service.routes.idempotency import OnceDep
from service.store import people

router = APIRouter(prefix="/v1", tags=["people"])

MayRead = Annotated[Actor, Depends(may("people.read"))]
MayCreate = Annotated[Actor, Depends(may("people.create"))]
MayChange = Annotated[Actor, Depends(may("people.change"))]


def _username(value: object) -> str:
    username = rules.normal_username(value) if isinstance(value, str) else None
    if username is None:
        raise refused(
            "username-malformed",
            "用户名为 3 至 32 个小写字母、数字或 . _ -，以字母或数字开头",
            "a username is 3 to 32 of a–z, 0–9 and . _ -, and begins with a letter or digit",
        )
    return username


def _password(value: object) -> SecretStr:
    # The upper bound keeps a stranger's megabytes away from the hash; what is too short now may be somebody's old one.
    if not isinstance(value, str) or not 0 < len(value) <= 4096:
        raise refused("text-required", "须为文本", "must be text")
    return SecretStr(value)


Username = Annotated[
    str, PlainValidator(_username), WithJsonSchema({"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{2,31}$"})
]
Password = Annotated[SecretStr, PlainValidator(_password), WithJsonSchema({"type": "string", "format": "password"})]


class PersonIn(Body):
    """Somebody to be given a sign-in, for one place."""

    username: Username
    password: Password
    name: Name
    role: Role
    jurisdiction: JurisdictionCode | None = None
    enterprise_id: UuidText | None = None
    station_id: UuidText | None = None

    @field_validator("password", mode="after")
    @classmethod
    def check_password(cls, password: SecretStr, info: ValidationInfo) -> SecretStr:
        """A password is not one that others guess first."""
        if "username" not in info.data:  # that one is at fault already
            return password
        try:
            rules.check_password(password.get_secret_value(), info.data["username"])
        except Malformed as fault:
            raise refused(fault.code, fault.zh, fault.en) from fault
        return password

    @model_validator(mode="after")
    def check_place(self) -> Self:
        """The role says which kind of place is named, and no other is."""
        places = {"jurisdiction": self.jurisdiction, "enterprise_id": self.enterprise_id, "station_id": self.station_id}
        needed = {Role.ENTERPRISE: "enterprise_id", Role.STATION: "station_id"}.get(self.role, "jurisdiction")
        if [name for name, value in places.items() if value is not None] != [needed]:
            raise refused(
                "place-does-not-fit-role",
                f"角色 {self.role} 须且仅须给出 {needed}",
                f"the role {self.role} takes {needed} and no other place",
            )
        return self


class ChangeIn(Body):
    """What is changed of a person."""

    disabled: Flag


class PasswordChangeIn(Body):
    """The present password and the next."""

    old_password: Password
    new_password: Password


class PersonOut(BaseModel):
    """A person as offices and their own firm see them."""

    id: UUID
    username: str
    name: str
    role: Role
    jurisdiction: str | None
    enterprise_id: UUID | None
    station_id: UUID | None
    disabled: bool
    created_at: datetime


class PeopleOut(BaseModel):
    """A page of people, newest first."""

    items: list[PersonOut]
    next: UUID | None


@router.get("/me")
async def read_me(connection: ReaderDep, actor: Annotated[Actor, Depends(may("me.read"))]) -> PersonOut:
    """Who has signed in."""
    row = await people.find_person(connection, actor.person_id)
    if row is None:
        raise NotSignedIn
    return PersonOut.model_validate(dict(row))


@router.post("/me/password", status_code=204)
async def change_password(
    request: Request, body: PasswordChangeIn, actor: Annotated[Actor, Depends(may("me.change"))]
) -> None:
    """Replace one's own password; every token and session from before ends, this one too."""
    signed_in: People = request.app.state.people
    old, new = body.old_password.get_secret_value(), body.new_password.get_secret_value()
    try:
        await signed_in.change_password(request, old, new, at=request.app.state.clock.now(), actor=actor)
    except Malformed as fault:
        error = {"pointer": "/new_password", "code": fault.code, "detail": f"{fault.zh} / {fault.en}"}
        raise MalformedBody(errors=[error]) from fault


@router.post("/people", status_code=201, response_model=PersonOut)
async def create_person(request: Request, body: PersonIn, once: OnceDep, actor: MayCreate) -> Response:
    """Give somebody a sign-in."""
    signed_in: People = request.app.state.people
    password_hash = await signed_in.hash(body.password.get_secret_value())
    async with database(request).session() as session:

        async def create() -> PersonOut:
            row = await deeds.create_person(
                session,
                body.username,
                password_hash,
                body.name,
                body.role,
                body.jurisdiction,
                body.enterprise_id,
                body.station_id,
                at=request.app.state.clock.now(),
                actor=actor,
            )
            return PersonOut.model_validate(row, from_attributes=True)

        said = orjson.dumps({name: value for name, value in body if name != "password"})
        return await once(SessionDoor(session), actor, create, said=said)


@router.get("/people")
async def list_people(
    connection: ReaderDep,
    actor: MayRead,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> PeopleOut:
    """The people of the office's area or of the enterprise."""
    rows = await people.list_people(connection, actor=actor, after=after, limit=limit)
    items = [PersonOut.model_validate(dict(row)) for row in rows]
    return PeopleOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/people/{person_id}")
async def read_person(person_id: UUID, connection: ReaderDep, actor: MayRead) -> PersonOut:
    """One person of the office's area or of the enterprise."""
    row = await people.find_person(connection, person_id)
    if row is None or not rules.sees(actor, people.place_of(row)):
        raise NotFound
    return PersonOut.model_validate(dict(row))


@router.patch("/people/{person_id}")
async def change_person(request: Request, person_id: UUID, body: ChangeIn, actor: MayChange) -> PersonOut:
    """Disable or enable a person; disabling ends whatever they are signed in with."""
    signed_in: People = request.app.state.people
    until = datetime.now(UTC) + LONGEST_LIFETIME
    async with database(request).transaction() as connection:
        row, generation = await deeds.change_person(
            connection,
            person_id,
            disabled=body.disabled,
            at=request.app.state.clock.now(),
            until=until,
            actor=actor,
        )
    if generation is not None:
        signed_in.end_below(person_id, generation)
    return PersonOut.model_validate(dict(row))
