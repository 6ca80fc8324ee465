"""What is said about tickets, and what about them is answered."""

from base64 import b64encode
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from service.actions.tickets import Truck
from service.domain.revocations import Revocations, RevokedBecause
from service.domain.ticket_acts import ActKind
from service.domain.tickets import ReplacedBecause, TicketState, Wish
from service.keys import Key
from service.routes.fields import Body, Grade, Instant, LoadKilograms, Plate, Reason, UuidText, refused


class TicketIn(Body):
    """A ticket that the seller asks for: one load, one vehicle."""

    contract_id: UuidText | None = None
    slip_id: UuidText | None = None
    plate: Plate
    planned_kg: LoadKilograms
    grade: Grade
    source_station_id: UuidText
    destination_station_id: UuidText
    valid_from: Instant
    valid_until: Instant
    onward_contract_id: UuidText | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> "TicketIn":
        if (self.contract_id is None) == (self.slip_id is None):
            raise refused(
                "one-paper-required",
                "contract_id 与 slip_id 须填且只填一项",
                "give either contract_id or slip_id, and not both",
            )
        if self.onward_contract_id is not None and self.contract_id is None:
            raise refused(
                "onward-needs-a-contract",
                "onward_contract_id 只能与 contract_id 一起使用",
                "onward_contract_id goes with a contract_id only",
            )
        if self.valid_until <= self.valid_from:
            raise refused(
                "validity-empty",
                "有效期止（valid_until）须晚于有效期起（valid_from）",
                "the end (valid_until) must be after the beginning (valid_from)",
            )
        return self

    def wish(self) -> Wish:
        """The ticket as the rules take it."""
        return Wish(
            contract_id=self.contract_id,
            slip_id=self.slip_id,
            plate=self.plate,
            planned_kg=self.planned_kg,
            grade=self.grade,
            source_station_id=self.source_station_id,
            destination_station_id=self.destination_station_id,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            onward_contract_id=self.onward_contract_id,
        )


class TicketOut(BaseModel):
    """A ticket, and what has become of it."""

    id: UUID
    number: str
    code: str | None
    reissue: int
    state: TicketState
    contract_id: UUID | None
    slip_id: UUID | None
    seller_id: UUID
    seller: str
    buyer_id: UUID
    buyer: str
    mine_id: UUID | None
    mine: str | None
    earmark: str | None
    plate: str
    planned_kg: int
    grade: str
    source_station_id: UUID
    source_station: str
    destination_station_id: UUID
    destination_station: str
    valid_from: datetime
    valid_until: datetime
    issued_at: datetime
    out_kg: int | None
    out_at: datetime | None
    in_kg: int | None
    in_at: datetime | None
    back_kg: int | None
    ended_at: datetime | None
    parent_id: UUID | None
    parent_number: str | None
    onward_contract_id: UUID | None
    onward_buyer_id: UUID | None
    onward_buyer: str | None
    split_kg: int
    closed_kg: int
    refused_kg: int
    flags: list[str]


class TicketsOut(BaseModel):
    """Tickets, newest first."""

    items: list[TicketOut]
    next: UUID | None


class IssueOut(BaseModel):
    """What became of one ticket of a list."""

    status: Literal["issued", "refused"]
    ticket: TicketOut | None = None
    problem: dict[str, Any] | None = None


class IssuesOut(BaseModel):
    """What became of each ticket of a list, in order."""

    results: list[IssueOut]


class ReasonIn(Body):
    """Why something is done to a ticket."""

    reason: Reason


class ExtensionIn(ReasonIn):
    """Until when a ticket is to be valid now, and why."""

    valid_until: Instant


class ReissueIn(ReasonIn):
    """What became of the paper."""

    cause: Literal[ReplacedBecause.LOST, ReplacedBecause.DAMAGED]


class RedirectionIn(ReasonIn):
    """To whom a load goes now."""

    contract_id: UuidText
    destination_station_id: UuidText


class RefusalIn(ReasonIn):
    """How much of what was weighed in the buyer does not take; the rest is accepted."""

    refused_kg: LoadKilograms


class ApportionIn(ReasonIn):
    """The other tickets whose loads were on the truck that was weighed in under this one."""

    tickets: Annotated[list[UuidText], Field(min_length=1, max_length=10)]


class TruckIn(Body):
    """A truck that takes over a part of a load."""

    plate: Plate
    planned_kg: LoadKilograms
    station_id: UuidText | None = None
    destination_station_id: UuidText | None = None
    valid_until: Instant | None = None

    def truck(self) -> Truck:
        """The truck as the action takes it."""
        return Truck(self.plate, self.planned_kg, self.station_id, self.destination_station_id, self.valid_until)


class TransferIn(ReasonIn):
    """The trucks by which a load goes on."""

    trucks: Annotated[list[TruckIn], Field(min_length=1, max_length=100)]


class ActOut(BaseModel):
    """Something that was done to a ticket."""

    kind: ActKind
    kg: int | None
    facts: dict[str, Any]
    reason: str
    done_at: datetime


class ActsOut(BaseModel):
    """What was done to a ticket, oldest first."""

    items: list[ActOut]
    next: None = None


class CheckIn(Body):
    """What was scanned or typed in front of a truck."""

    code: Annotated[str, Field(strict=True, max_length=2_000)]
    plate: Annotated[str, Field(strict=True, max_length=64)] | None = None


class CheckOut(BaseModel):
    """What a code is worth now."""

    valid: bool
    reasons: list[str]
    ticket: TicketOut | None


class KeyOut(BaseModel):
    """A public key that verifies codes; raw, in base64.

    With `retired_after` somebody else may have it: a code whose time begins after that moment proves nothing, and an
    earlier one is asked for online where it can be.
    """

    key_id: int
    algorithm: Literal["Ed25519"]
    public_key: str
    retired_after: datetime | None = None


class KeyRetirementIn(Body):
    """From when on a key may be in other hands, and what has happened."""

    signed_after: Instant
    reason: Reason


class KeyRetirementOut(BaseModel):
    """A key that is believed no longer, the one that signs instead, and how many tickets were printed anew."""

    key_id: int
    signed_after: datetime
    current_key_id: int
    reprinted: int


class RevocationOut(BaseModel):
    """From this version on, the codes of a ticket with a reissue below `prints_below` are good no longer."""

    version: int
    ticket_id: UUID
    number: str
    prints_below: int
    reason: RevokedBecause
    expires_at: datetime


class RevocationsOut(BaseModel):
    """What was revoked after version `since`, up to `version`; where that is not yet `latest`, ask again from it on.

    `signature` is Ed25519, raw in base64, by the ticket key `key_id` over `text`, which says the same line by line.
    """

    since: int
    version: int
    latest: int
    at: datetime
    items: list[RevocationOut]
    text: str
    key_id: int
    signature: str

    @classmethod
    def of(cls, revocations: Revocations, key: Key) -> "RevocationsOut":
        """The list as stations get it, signed."""
        return cls(
            since=revocations.since,
            version=revocations.version,
            latest=revocations.latest,
            at=revocations.at,
            items=[
                RevocationOut(
                    version=version,
                    ticket_id=one.ticket_id,
                    number=one.number,
                    prints_below=one.prints_below,
                    reason=one.because,
                    expires_at=one.expires_at,
                )
                for version, one in revocations.items
            ],
            text=revocations.signed_text.decode(),
            key_id=key.key_id,
            signature=b64encode(key.sign(revocations.signed_text)).decode(),
        )


class KeysOut(BaseModel):
    """What a station needs to check codes without a network."""

    at: datetime
    keys: list[KeyOut]
    revocations: RevocationsOut
