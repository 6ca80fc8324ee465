"""Which accounts a load's kilograms leave and reach."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from service.domain.ledger import AccountKey, AccountKind
from service.domain.proofs import draw
from service.domain.tickets import Ticket
from service.domain.units import Kilograms, shanghai_year
from service.domain.weighings.circumstances import Circumstances, Terms
from service.domain.weighings.outcomes import Leg
from service.domain.weighings.records import Record


def legs_of_the_load(ticket: Ticket, terms: Terms | None, net_kg: Kilograms, occurred_at: datetime) -> tuple[Leg, ...]:
    """Where a lawful load comes from: its source's quota (R01), or the lots of the proof in its order (R23)."""
    year = shanghai_year(occurred_at)
    if ticket.source_id is not None:
        return (Leg(quota_of(ticket, year), ticket.account, net_kg, draws_on_quota=True),)
    pledges = terms.pledges if terms is not None else None
    shipped_kg = terms.shipped_kg if terms is not None else Kilograms(0)
    suspense = AccountKey(AccountKind.SUSPENSE, owner_id=ticket.seller_id, year=year)
    return tuple(
        Leg(suspense if account is None else account, ticket.account, kg)
        for account, kg in draw(pledges or (), shipped_kg, net_kg)
    )


def quota_of(ticket: Ticket, year: int) -> int | AccountKey:
    """The account that a load of a year is charged to (R16)."""
    if ticket.source_account is not None and year == ticket.year:
        return ticket.source_account
    return AccountKey(AccountKind.QUOTA, owner_id=ticket.source_id, year=year, earmark=ticket.earmark)


def legs_of_the_gap(ticket: Ticket, out_kg: Kilograms, in_kg: Kilograms, left_at: datetime) -> tuple[Leg, ...]:
    """What the second scale says less was lost on the way; what it says more has no origin (W02)."""
    gap_kg = out_kg - in_kg
    kind = AccountKind.LOST if gap_kg > 0 else AccountKind.GAINED
    account = AccountKey(kind, owner_id=ticket.seller_id, year=shanghai_year(left_at))
    if gap_kg > 0:
        return (Leg(ticket.account, account, Kilograms(gap_kg)),)
    return (Leg(account, ticket.account, Kilograms(-gap_kg)),) if gap_kg else ()


def lost_of(ticket: Ticket, left_at: datetime) -> AccountKey:
    """Where a load's kilograms end that nobody receives."""
    return AccountKey(AccountKind.LOST, owner_id=ticket.seller_id, year=shanghai_year(left_at))


def paper_of(ticket: Ticket) -> UUID:
    """The contract or slip under which a load is kept where it ends (W12)."""
    return ticket.onward_contract_id or ticket.document_id


def lot_of(ticket: Ticket, left_at: datetime) -> AccountKey:
    """The lot in which a ticket's load ends: the buyer's, or that of the firm to which the buyer passes it on (W12)."""
    return AccountKey(
        AccountKind.LOT,
        owner_id=ticket.onward_buyer_id or ticket.buyer_id,
        document_id=paper_of(ticket),
        grade=ticket.grade,
        year=shanghai_year(left_at),
    )


def still_there(back_kg: int, arrived_kg: int, others_kg: int) -> Kilograms:
    """Of what is sent back, how much the lot still has of it: no more than arrived, nor than all loads left in stock (W10).

    `others_kg` is what had come into the lot by then beside this load, less what had gone out of it.
    """
    return Kilograms(max(0, min(back_kg, arrived_kg, arrived_kg + others_kg)))


def sellers_lot(ticket: Ticket, left_at: datetime) -> AccountKey:
    """Where the seller keeps what the buyer had passed on and sends back: it is charged to no quota twice, nor credited (W10)."""
    return replace(lot_of(ticket, left_at), owner_id=ticket.seller_id)


def legs_of_the_arrival(ticket: Ticket, net_kg: Kilograms, left_at: datetime) -> tuple[Leg, ...]:
    """From the load into the lot; through an account of this ticket in the name of a trader that passes it on (W12)."""
    lot = lot_of(ticket, left_at)
    if ticket.onward_contract_id is None:
        return (Leg(ticket.account, lot, net_kg),)
    passed = AccountKey(AccountKind.LOAD, owner_id=ticket.buyer_id, document_id=ticket.id)
    return (Leg(ticket.account, passed, net_kg), Leg(passed, lot, net_kg))


def unlawful_legs(record: Record, seen: Circumstances) -> tuple[Leg, ...]:
    """The ore did leave, without a paper: out of the source's suspense, until an officer settles it (W06)."""
    ticket, station = seen.ticket, seen.station
    if ticket is not None:
        owner_id, carrier_id = ticket.source_id or ticket.seller_id, ticket.seller_id
    else:
        owner_id, carrier_id = station.mine_id or station.enterprise_id, station.enterprise_id
    suspense = AccountKey(AccountKind.SUSPENSE, owner_id=owner_id, year=shanghai_year(seen.occurred_at))
    load = AccountKey(AccountKind.LOAD, owner_id=carrier_id, document_id=seen.weighing_id)
    return (Leg(suspense, load, Kilograms(record.net_kg)),)


def is_suspense(account: int | AccountKey) -> bool:
    """Whether kilograms out of it have no lawful paper."""
    return isinstance(account, AccountKey) and account.kind is AccountKind.SUSPENSE
