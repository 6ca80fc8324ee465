"""What looks wrong about a weighing: at the scale, on the ticket, under the contract."""

from datetime import timedelta

from service.domain.alerts import Flag
from service.domain.calendar import add_working_days
from service.domain.grades import fits_analysis, is_same_grade
from service.domain.policies import Policies
from service.domain.tickets import Ticket
from service.domain.units import Kilograms, shanghai_day
from service.domain.weighings.circumstances import Circumstances, Terms
from service.domain.weighings.records import Direction, Record

SAME_READING_WITHIN = timedelta(hours=24)
"""A number of the indicator's own that comes again so soon is a reading taken twice; later its counter has begun anew (E17)."""


def gross_limit(axles: int | None, road_kg: Kilograms | None, policies: Policies) -> Kilograms:
    """The legal gross weight of a truck with so many axles, or what the station's road bears where that is less (E16, E18).

    Six axles and more, or not told, have the widest limit.
    """
    by_axles = {
        2: policies.gross_limit_2_axles_kg,
        3: policies.gross_limit_3_axles_kg,
        4: policies.gross_limit_4_axles_kg,
        5: policies.gross_limit_5_axles_kg,
    }
    legal_kg = by_axles.get(axles or 0, policies.gross_limit_kg)
    return legal_kg if road_kg is None else min(road_kg, legal_kg)


def flags_of_the_scale(record: Record, seen: Circumstances, policies: Policies) -> list[Flag]:
    """The device's clock and sequence (W04), its indicator (E17), and what this vehicle can hardly do or weigh (W05)."""
    flags = []
    ahead_seconds = (seen.occurred_at - seen.recorded_at).total_seconds()
    if seen.offset_is_large or ahead_seconds > policies.clock_skew_seconds:
        flags.append(Flag.CLOCK_SKEW)
    if seen.clock_went_back:
        flags.append(Flag.CLOCK_JUMPED_BACK)
    if _is_late(seen, policies):
        flags.append(Flag.WEIGHING_LATE)
    if seen.sequence_is_broken:
        flags.append(Flag.SEQUENCE_GAP)
    road_kg = policies.bridge(seen.station.id).gross_limit_kg
    if record.gross_kg > gross_limit(record.axles, road_kg, policies) or record.net_kg > policies.payload_limit_kg:
        flags.append(Flag.OVERWEIGHT)
    if tare_drifts(record.tare_kg, seen.usual_tare_kg, policies):
        flags.append(Flag.TARE_DRIFT)
    if seen.tare_is_stale:
        flags.append(Flag.TARE_STALE)
    if seen.is_too_fast:
        flags.append(Flag.TOO_FAST)
    if record.stable is False and not record.manual:
        flags.append(Flag.READING_UNSTABLE)
    if record.manual and not (record.manual_reason and record.second_person):
        flags.append(Flag.MANUAL_UNWITNESSED)
    if seen.reading_is_repeated:
        flags.append(Flag.READING_REPEATED)
    return flags


def tare_drifts(tare_kg: int, usual_kg: int | None, policies: Policies) -> bool:
    """Whether a tare is far from the vehicle's usual one (W05), or none at all: no truck weighs nothing (E15)."""
    return tare_kg == 0 or (usual_kg is not None and abs(tare_kg - usual_kg) > usual_kg * policies.tare_drift_share)


def _is_late(seen: Circumstances, policies: Policies) -> bool:
    """Whether a record came so long after its weighing that somebody should ask why (W04, E12)."""
    days = policies.late_weighing_days
    if seen.recorded_at - seen.occurred_at <= timedelta(days=days):  # as with nearly every record
        return False
    deadline = add_working_days(shanghai_day(seen.occurred_at), days, policies.calendar.overrides)
    return seen.recorded_at >= deadline.ends_at


def flags_of_the_ticket(record: Record, ticket: Ticket, seen: Circumstances, policies: Policies) -> list[Flag]:
    """Another station, plate, grade or time than the ticket says (W06, E46)."""
    flags = []
    named = ticket.destination_station_id if record.direction is Direction.IN else ticket.source_station_id
    if seen.station.id != named:
        flags.append(Flag.WRONG_STATION)
    if record.plate != ticket.plate:
        flags.append(Flag.PLATE_MISMATCH)
    is_other = record.grade is not None and not is_same_grade(record.grade, ticket.grade)
    if is_other or not _fits_analysis(record, ticket, policies):
        flags.append(Flag.GRADE_MISMATCH)
    if not ticket.is_in_time(seen.occurred_at):
        flags.append(Flag.TICKET_EXPIRED)
    if seen.key_is_retired:
        flags.append(Flag.KEY_RETIRED)
    return flags


def _fits_analysis(record: Record, ticket: Ticket, policies: Policies) -> bool:
    mgo_per_mille = record.mgo_per_mille
    return mgo_per_mille is None or fits_analysis(ticket.grade, mgo_per_mille, policies.mgo_tolerance_per_mille)


def flags_of_the_contract(terms: Terms, beyond_kg: Kilograms, seen: Circumstances) -> list[Flag]:
    """More than was sold (W08), after its end, or unfiled when its window has passed (R26)."""
    flags = []
    if beyond_kg:
        flags.append(Flag.CONTRACT_OVERSHIPPED)
    if terms.is_closed or shanghai_day(seen.occurred_at) > terms.valid_until:
        flags.append(Flag.CONTRACT_EXPIRED)
    if not terms.is_filed and not terms.is_closed and shanghai_day(seen.recorded_at) > terms.due_on:
        flags.append(Flag.FILING_OVERDUE)
    return flags
