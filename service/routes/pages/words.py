"""The words that people read for the codes that programs read: one table for each kind of code."""

from collections.abc import Mapping
from types import MappingProxyType


def _(message: str) -> str:
    """Marks a message for the catalogue; it is translated where it is shown."""
    return message


WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "role": {
            "province": _("Provincial office"),
            "city": _("City office"),
            "county": _("County office"),
            "auditor": _("Auditor"),
            "enterprise": _("Enterprise"),
            "station": _("Weighing station"),
        },
        "ticket_state": {
            "issued": _("Issued"),
            "out": _("On the road"),
            "delivered": _("Delivered"),
            "returned": _("Returned"),
            "cancelled": _("Cancelled"),
            "expired": _("Expired"),
            "lost": _("Lost"),
        },
        "contract_state": {
            "incomplete": _("One side missing"),
            "mismatch": _("Sides differ"),
            "filed": _("Filed by both sides"),
            "closed": _("Closed"),
        },
        "proof_state": {
            "none": _("No proof needed"),
            "complete": _("Proof complete"),
            "missing": _("Proof missing"),
        },
        "party": {"seller": _("Seller"), "buyer": _("Buyer")},
        "tranche_kind": {
            "total": _("Total"),
            "base": _("Base tranche"),
            "merit": _("Merit tranche"),
            "reward": _("Reward tranche"),
            "special": _("Special increase"),
            "approved": _("Approved amount"),
            "adjustment": _("Adjustment"),
        },
        "direction": {"out": _("Out, at the source"), "in": _("In, at the destination"), "back": _("Back, to the source")},
        "alert_state": {"open": _("Open"), "settled": _("Settled")},
        "method": {"open": _("Open pit"), "underground": _("Underground")},
        "cause": {
            "load": _("A load beyond the quota"),
            "slip": _("A handover slip beyond the quota"),
            "claw-back": _("Quota withdrawn"),
            "void": _("An allotment made void"),
            "correction": _("A correction"),
        },
        "account": {
            "issue": _("Provincial issue"),
            "pool": _("Pool"),
            "quota": _("Quota"),
            "load": _("Load"),
            "lot": _("Lot"),
            "run": _("Processing"),
            "product": _("Product"),
            "consumed": _("Used up"),
            "lost": _("Lost on the way"),
            "gained": _("Found in stocktaking"),
            "suspense": _("Left without a lawful paper"),
        },
        "subject": {
            "mine": _("Mine"),
            "jurisdiction": _("Pool"),
            "contract": _("Contract"),
            "slip": _("Handover slip"),
            "ticket": _("Ticket"),
            "weighing": _("Weighing"),
            "lot": _("Lot"),
            "station": _("Weighing station"),
            "allotment": _("Allotment"),
        },
        "flag": {
            "quota-overdrawn": _("Quota overdrawn"),
            "quota-overcommitted": _("Contracts exceed the year's quota"),
            "quota-frozen": _("Quota is frozen"),
            "pool-overdrawn": _("Pool overdrawn"),
            "allotment-late": _("Allotment issued or published late"),
            "earmark-misused": _("Earmarked quota misused"),
            "filing-overdue": _("Filing overdue"),
            "filing-late": _("Filed late"),
            "filing-mismatch": _("The two filings differ"),
            "origin-unproven": _("Origin unproven"),
            "origin-overpledged": _("Lot pledged twice"),
            "origin-circular": _("Circular origin"),
            "seller-without-quota": _("Seller holds no quota"),
            "no-ticket": _("Load without a ticket"),
            "unknown-ticket": _("Unknown ticket"),
            "ticket-reused": _("Ticket used again"),
            "ticket-expired": _("Ticket expired"),
            "wrong-station": _("Weighed at another station"),
            "plate-mismatch": _("Another plate"),
            "two-open-tickets": _("Two open tickets on one plate"),
            "station-bypass": _("Source station bypassed"),
            "never-weighed": _("Issued and never weighed"),
            "never-received": _("Weighed out and never received"),
            "weight-gap": _("Weights differ beyond tolerance"),
            "overweight": _("Overweight"),
            "tare-drift": _("Unusual tare"),
            "too-fast": _("Two stations too soon"),
            "contract-overshipped": _("Shipped beyond the contract"),
            "contract-expired": _("Contract expired"),
            "grade-mismatch": _("Grades differ"),
            "yield-out-of-band": _("Yield out of band"),
            "stopped-plant": _("Delivered to a stopped plant"),
            "station-silent": _("Station silent"),
            "clock-skew": _("Station clock wrong"),
            "sequence-gap": _("Gap in the station's numbers"),
        },
        "check": {
            "malformed": _("This is not a ticket code"),
            "wrong-length": _("The code is not complete"),
            "two-codes": _("Two codes were scanned together"),
            "unknown-version": _("The code is of a version that is not known here"),
            "unknown-key": _("The code was signed with a key that is not ours"),
            "bad-signature": _("The signature is wrong: this code was not issued by this service"),
            "not-yet-valid": _("The ticket is not valid yet"),
            "ticket-expired": _("The ticket's time has run out"),
            "plate-mismatch": _("The ticket is for another plate"),
            "unknown-ticket": _("No such ticket is in the register"),
            "ticket-reissued": _("A newer print has replaced this one"),
            "ticket-used": _("The ticket has been used"),
            "ticket-cancelled": _("The ticket was cancelled"),
            "ticket-returned": _("The load was returned"),
            "ticket-lost": _("The ticket was reported lost"),
        },
    }
)


def word(code: object, family: str) -> str:
    """The message for a code, or the code itself where a newer part of the service has a code without a word yet."""
    return WORDS[family].get(str(code), str(code))
