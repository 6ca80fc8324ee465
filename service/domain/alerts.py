"""What somebody should look at: the codes that outside clients know, and one alert."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Flag(StrEnum):
    """What may be wrong with a record, the gravest first (E47); each opens an alert and none refuses a fact of the world."""

    STATION_BYPASS = "station-bypass"
    QUOTA_OVERDRAWN = "quota-overdrawn"
    QUOTA_OVERCOMMITTED = "quota-overcommitted"
    QUOTA_FROZEN = "quota-frozen"
    POOL_OVERDRAWN = "pool-overdrawn"
    PROPOSAL_LATE = "proposal-late"
    ALLOTMENT_LATE = "allotment-late"
    DEADLINE_NEAR = "deadline-near"
    REPORT_LATE = "report-late"
    EARMARK_MISUSED = "earmark-misused"
    FILING_OVERDUE = "filing-overdue"
    FILING_LATE = "filing-late"
    FILING_MISMATCH = "filing-mismatch"
    ORIGIN_UNPROVEN = "origin-unproven"
    ORIGIN_OVERPLEDGED = "origin-overpledged"
    ORIGIN_CIRCULAR = "origin-circular"
    SELLER_WITHOUT_QUOTA = "seller-without-quota"
    UNDER_INVESTIGATION = "under-investigation"
    FRAMEWORK_EXCEEDED = "framework-exceeded"
    NO_TICKET = "no-ticket"
    UNKNOWN_TICKET = "unknown-ticket"
    SUSPENSE_SETTLED = "suspense-settled"
    TICKET_REUSED = "ticket-reused"
    TICKET_EXPIRED = "ticket-expired"
    TICKET_HELD = "ticket-held"
    TICKET_REVOKED = "ticket-revoked"
    KEY_RETIRED = "key-retired"
    WRONG_STATION = "wrong-station"
    PLATE_MISMATCH = "plate-mismatch"
    PLATE_DISOWNED = "plate-disowned"
    TWO_OPEN_TICKETS = "two-open-tickets"
    NEVER_WEIGHED = "never-weighed"
    NEVER_RECEIVED = "never-received"
    WEIGHT_GAP = "weight-gap"
    LOAD_APPORTIONED = "load-apportioned"
    OVERWEIGHT = "overweight"
    TARE_DRIFT = "tare-drift"
    TARE_STALE = "tare-stale"
    READING_UNSTABLE = "reading-unstable"
    MANUAL_UNWITNESSED = "manual-unwitnessed"
    READING_REPEATED = "reading-repeated"
    TOO_FAST = "too-fast"
    CONTRACT_OVERSHIPPED = "contract-overshipped"
    CONTRACT_EXPIRED = "contract-expired"
    GRADE_MISMATCH = "grade-mismatch"
    YIELD_OUT_OF_BAND = "yield-out-of-band"
    STOPPED_PLANT = "stopped-plant"
    STATION_SILENT = "station-silent"
    CAMERA_FAULT = "camera-fault"
    CLOCK_SKEW = "clock-skew"
    CLOCK_JUMPED_BACK = "clock-jumped-back"
    SEQUENCE_GAP = "sequence-gap"
    WEIGHING_LATE = "weighing-late"


@dataclass(frozen=True, slots=True)
class Alert:
    """A flag on one subject, for the office of a jurisdiction and the enterprises that it concerns."""

    code: Flag
    subject_kind: str
    subject_id: str
    jurisdiction: str
    parties: tuple[UUID, ...]
    occurred_at: datetime
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def subject(self) -> tuple[Flag, str, str]:
        """What is open at most once at a time."""
        return (self.code, self.subject_kind, self.subject_id)
