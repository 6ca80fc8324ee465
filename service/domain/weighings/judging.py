"""What follows from a record: the ticket's journey, and which kilograms go where (W02 to W10)."""

from dataclasses import replace
from datetime import datetime, timedelta

from service.domain.alerts import Flag
from service.domain.policies import DEFAULTS, Policies
from service.domain.tickets import Journey, Ticket, TicketState
from service.domain.units import Kilograms, shanghai_day, shanghai_year
from service.domain.weighings.circumstances import Circumstances
from service.domain.weighings.legs import (
    is_suspense,
    legs_of_the_arrival,
    legs_of_the_gap,
    legs_of_the_load,
    lot_of,
    quota_of,
    sellers_lot,
    still_there,
    unlawful_legs,
)
from service.domain.weighings.outcomes import Leg, Outcome
from service.domain.weighings.records import Direction, Record
from service.domain.weighings.signs import flags_of_the_contract, flags_of_the_scale, flags_of_the_ticket

_VOID = frozenset({TicketState.CANCELLED, TicketState.LOST})


def weigh(record: Record, seen: Circumstances, policies: Policies = DEFAULTS) -> Outcome:
    """What follows from a possible record that was not told before."""
    # What a scale may say, and how far two may differ, is that of the day of the weighing, however late it is sent.
    policies = policies.on(shanghai_day(seen.occurred_at))
    flags = flags_of_the_scale(record, seen, policies)
    if record.direction is Direction.IN and seen.station.is_stopped:
        flags.append(Flag.STOPPED_PLANT)  # P01
    ticket = seen.ticket
    if ticket is None:
        flags.append(Flag.UNKNOWN_TICKET if record.ticket else Flag.NO_TICKET)
        return Outcome(tuple(flags), unlawful_legs(record, seen) if record.direction is Direction.OUT else ())
    policies = policies.between(ticket.source_station_id, ticket.destination_station_id)
    flags += flags_of_the_ticket(record, ticket, seen, policies)
    if void := _why_void(record, seen):
        flags.append(void)
        return Outcome(tuple(flags), unlawful_legs(record, seen) if record.direction is Direction.OUT else ())
    match record.direction:
        case Direction.OUT:
            return _weigh_out(record, ticket, seen, flags, policies)
        case Direction.IN:
            return _weigh_in(record, ticket, seen, flags, policies)
        case Direction.BACK:
            return _weigh_back(record, ticket, seen, flags, policies)


def _why_void(record: Record, seen: Circumstances) -> Flag | None:
    """Why a ticket of ours is no paper for this load; what was weighed before it was void travels lawfully."""
    journey = seen.journey
    if seen.ticket is None or seen.ticket.code is None:
        return Flag.NO_TICKET  # it waited for an officer, who did not release it (O03)
    if seen.held_until is not None and seen.occurred_at < seen.held_until:
        return Flag.NO_TICKET
    never_left = journey.out_kg is None and journey.in_kg is None
    if journey.state in _VOID and never_left and _is_after(seen.occurred_at, journey.ended_at):
        return Flag.NO_TICKET
    # A paper that was reported lost lets nothing leave; what has left under the ticket may arrive with either paper.
    if record.direction is Direction.OUT and _is_after(seen.occurred_at, seen.revoked_at):
        return Flag.TICKET_REVOKED
    return None


def _weigh_out(record: Record, ticket: Ticket, seen: Circumstances, flags: list[Flag], policies: Policies) -> Outcome:
    journey, terms = seen.journey, seen.terms
    net_kg = Kilograms(record.net_kg)
    if ticket.parent_id is not None and seen.station.enterprise_id != ticket.seller_id:
        # What another truck took over was weighed when it left the mine; a yard's scale on the way only checks it.
        if abs(net_kg - journey.on_board_kg) > policies.transit_tolerance(journey.on_board_kg):
            flags.append(Flag.WEIGHT_GAP)
        return Outcome(tuple(flags))
    if journey.out_kg is not None or journey.state is TicketState.RETURNED:
        return Outcome((*flags, Flag.TICKET_REUSED), unlawful_legs(record, seen))
    if seen.another_is_on_the_road:
        flags.append(Flag.TWO_OPEN_TICKETS)
    if seen.source is not None:
        if seen.source.is_frozen(shanghai_day(seen.occurred_at), policies):
            flags.append(Flag.QUOTA_FROZEN)
        if not seen.source.has_tranche:
            flags.append(Flag.SELLER_WITHOUT_QUOTA)
    beyond_kg = Kilograms(0)
    if terms is not None:
        beyond_kg = terms.beyond_kg(net_kg)
        flags += flags_of_the_contract(terms, beyond_kg, seen)
    if seen.onward_terms is not None:
        onward = flags_of_the_contract(seen.onward_terms, seen.onward_terms.beyond_kg(net_kg), seen)
        flags += [flag for flag in onward if flag not in flags]
    legs = legs_of_the_load(ticket, terms, net_kg, seen.occurred_at)
    if ticket.source_id is None and any(is_suspense(leg.source) for leg in legs):
        flags.append(Flag.ORIGIN_UNPROVEN)

    settled = _explained(journey)
    if journey.in_kg is None:
        journey = replace(journey, state=TicketState.OUT, out_kg=net_kg, out_at=seen.occurred_at, ended_at=None)
        return Outcome(tuple(flags), legs, journey, shipped_kg=net_kg, beyond_contract_kg=beyond_kg, settled=settled)
    # The destination told first: its load now has a source, and the gap between the scales is known.
    if abs(net_kg - journey.in_kg) > policies.transit_tolerance(net_kg):
        flags.append(Flag.WEIGHT_GAP)
    return Outcome(
        tuple(flags),
        legs + legs_of_the_gap(ticket, net_kg, journey.in_kg, seen.occurred_at),
        replace(journey, out_kg=net_kg, out_at=seen.occurred_at),
        shipped_kg=net_kg,
        beyond_contract_kg=beyond_kg,
        settled=(Flag.STATION_BYPASS, *settled),
    )


def _weigh_in(record: Record, ticket: Ticket, seen: Circumstances, flags: list[Flag], policies: Policies) -> Outcome:
    journey = seen.journey
    net_kg = Kilograms(record.net_kg)
    if journey.in_kg is not None or journey.state is TicketState.RETURNED:
        return Outcome((*flags, Flag.TICKET_REUSED))
    legs: tuple[Leg, ...] = ()
    if journey.out_kg is None or journey.out_at is None:
        flags.append(Flag.STATION_BYPASS)
        left_at = seen.occurred_at
    else:
        if abs(journey.on_board_kg - net_kg) > policies.transit_tolerance(journey.on_board_kg):
            flags.append(Flag.WEIGHT_GAP)
        left_at = journey.out_at
        legs = legs_of_the_gap(ticket, journey.on_board_kg, net_kg, left_at)
    arrived = replace(
        journey, state=TicketState.DELIVERED, in_kg=net_kg, in_at=seen.occurred_at, ended_at=seen.recorded_at
    )
    overdue_at = left_at + timedelta(hours=policies.never_received_hours)
    missed = (Flag.NEVER_RECEIVED,) if seen.recorded_at > overdue_at else ()
    return Outcome(
        tuple(flags),
        (*legs, *legs_of_the_arrival(ticket, net_kg, left_at)),
        arrived,
        received_kg=net_kg,
        recovers=_was_written_off(journey),
        settled=(*missed, *_explained(journey)),
    )


def _explained(journey: Journey) -> tuple[Flag, ...]:
    """A ticket that had run out without a record has one after all."""
    return (Flag.NEVER_WEIGHED,) if journey.state is TicketState.EXPIRED else ()


def _weigh_back(record: Record, ticket: Ticket, seen: Circumstances, flags: list[Flag], policies: Policies) -> Outcome:
    """A load that the buyer did not take: the quota has it again when the source's scale has weighed it (W10)."""
    journey = seen.journey
    net_kg = Kilograms(record.net_kg)
    if journey.state is TicketState.RETURNED:
        return Outcome((*flags, Flag.TICKET_REUSED))
    if journey.out_kg is None or journey.out_at is None:
        return Outcome((*flags, Flag.STATION_BYPASS))
    if journey.in_kg is not None and not journey.refused_kg:
        return _weigh_back_a_part(ticket, journey, net_kg, seen, flags, policies)
    # What was refused and has gone on to another buyer went by a ticket of its own.
    went_on = journey.refused_kg > 0 and journey.state is TicketState.DELIVERED
    if journey.back_kg is not None or journey.on_board_kg <= 0 or went_on:
        return Outcome((*flags, Flag.TICKET_REUSED))
    if abs(journey.on_board_kg - net_kg) > policies.transit_tolerance(journey.on_board_kg):
        flags.append(Flag.WEIGHT_GAP)
    returned = Kilograms(min(net_kg, journey.on_board_kg))
    legs = legs_of_the_gap(ticket, journey.on_board_kg, returned, journey.out_at)
    # What lay no longer in the lot is a movement of its own, and no quota's (W10).
    credited = Kilograms(min(returned, journey.on_board_kg - seen.came_anew_kg))
    give_back_kg, more = _to_its_source(ticket, credited, journey.out_at)
    legs = (*legs, *more, *_to_its_seller(ticket, Kilograms(returned - credited), journey.out_at))
    state = TicketState.DELIVERED if journey.kept_a_part else TicketState.RETURNED
    return Outcome(
        tuple(flags),
        legs,
        replace(journey, state=state, back_kg=net_kg, back_at=seen.occurred_at, ended_at=seen.recorded_at),
        give_back_kg=give_back_kg,
        shipped_kg=Kilograms(-journey.undelivered_kg),
        recovers=_was_written_off(journey),
        settled=(Flag.NEVER_RECEIVED,),
    )


def _weigh_back_a_part(
    ticket: Ticket, journey: Journey, net_kg: Kilograms, seen: Circumstances, flags: list[Flag], policies: Policies
) -> Outcome:
    """What the buyer had taken and sends back is taken off the arrival; what lies there no longer comes anew, flagged.

    No more comes back than had arrived: what the source's scale says more moves nothing.
    """
    if journey.back_kg is not None or journey.out_at is None or journey.in_kg is None:
        return Outcome((*flags, Flag.TICKET_REUSED))
    came_kg = min(net_kg, journey.in_kg)
    off_kg = still_there(came_kg, journey.in_kg, seen.others_kg)
    rest_kg = Kilograms(came_kg - off_kg)
    if rest_kg or net_kg - came_kg > policies.transit_tolerance(journey.in_kg):
        flags.append(Flag.WEIGHT_GAP)
    give_back_kg, legs = _to_its_source(ticket, off_kg, journey.out_at)
    if rest_kg:
        legs = (*legs, Leg(lot_of(ticket, journey.out_at), ticket.account, rest_kg))
    return Outcome(
        tuple(flags),
        (*legs, *_to_its_seller(ticket, rest_kg, journey.out_at)),
        replace(journey, back_kg=net_kg, back_at=seen.occurred_at),
        off_arrival_kg=off_kg,
        give_back_kg=give_back_kg,
        received_kg=Kilograms(-came_kg),
    )


def _to_its_source(ticket: Ticket, kg: Kilograms, left_at: datetime) -> tuple[Kilograms, tuple[Leg, ...]]:
    """What is taken off those that filled the load, or the movement that does so.

    What came out of another truck's load is of no movement that could be cut: an ordinary one credits the quota (W11).
    """
    if ticket.parent_id is None:
        return kg, ()
    if ticket.source_id is None or not kg:
        return Kilograms(0), ()
    return Kilograms(0), (Leg(ticket.account, quota_of(ticket, shanghai_year(left_at)), kg),)


def _to_its_seller(ticket: Ticket, kg: Kilograms, left_at: datetime) -> tuple[Leg, ...]:
    return (Leg(ticket.account, sellers_lot(ticket, left_at), kg),) if kg else ()


def _was_written_off(journey: Journey) -> bool:
    return journey.state is TicketState.LOST and journey.on_board_kg > 0


def _is_after(at: datetime, ended_at: datetime | None) -> bool:
    return ended_at is not None and at >= ended_at
