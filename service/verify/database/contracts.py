"""What contracts, amendments and slips are said to have come to, against what was filed of them, by rules of the auditor's own."""

import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import product
from typing import Any

import asyncpg

from service.verify.books import Books
from service.verify.database.deadlines import SLIP, TRADER, Rulebook, Rules, day_of, days_after
from service.verify.findings import Findings

OVERDUE, LATE, MISMATCH, UNPROVEN = "filing-overdue", "filing-late", "filing-mismatch", "origin-unproven"
OVERPLEDGED, NO_QUOTA, EXCEEDED = "origin-overpledged", "seller-without-quota", "framework-exceeded"
SOURCES = ("mine_id", "project_id", "stock_id")
AGREE = ("buyer_id", "signed_on", "kg", *SOURCES, "earmark", "is_framework", "framework_id")
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
# What each grade is called (E46).
GRADES = (
    ("LM47", "特级品", "特级", "M47", "LM-47", "特级矿"),
    ("LM46", "一级品", "一级", "M46", "LM-46", "一级矿"),
    ("LM45", "二级品", "二级", "M45", "LM-45", "二级矿"),
    ("LM43", "三级品", "三级", "M43", "LM-43", "三级矿"),
    ("LM41", "四级品", "四级", "M41", "LM-41", "四级矿"),
    ("LM33", "菱镁石粉", "粉矿", "M33", "LM-33", "石粉"),
)
GRADE_OF = {name: names[0] for names in GRADES for name in names}

# Each contract with what its sides filed last, the pledges that stand or stood when it was closed, when its deadline was moved,
# when it was told to be overdue (a scale's or an amendment's alert does not say so), and what its instalments promise. What was
# shipped when it was closed is known where its scales and deeds have said nothing since.
CONTRACTS = """
WITH told_later AS (
    SELECT DISTINCT contract.id
    FROM contract
    INNER JOIN (
        SELECT contract_id, id FROM ticket
        UNION ALL
        SELECT onward_contract_id, id FROM ticket
        UNION ALL
        SELECT (facts ->> 'from_contract')::uuid, ticket_id FROM ticket_act WHERE kind = 'redirected'
    ) AS load ON load.contract_id = contract.id
    WHERE
        contract.closed_at IS NOT NULL
        AND (
            EXISTS (SELECT FROM weighing WHERE ticket_id = load.id AND recorded_at >= contract.closed_at)
            OR EXISTS (SELECT FROM ticket_act WHERE ticket_id = load.id AND done_at >= contract.closed_at)
            OR EXISTS (
                SELECT FROM weighing INNER JOIN weighing_version AS said ON said.weighing_id = weighing.id
                WHERE weighing.ticket_id = load.id AND said.recorded_at >= contract.closed_at
            )
        )
)

SELECT
    contract.id, contract.number, contract.seller_id, contract.signed_on, contract.kg, contract.state, contract.proof_state,
    contract.flags, contract.due_on, contract.shipped_kg, contract.closed_at, contract.is_framework,
    told_later.id IS NOT NULL AS is_told_later, overdue.told_at AS told_overdue_at, book.read_at,
    coalesce(promised.kg, 0) AS promised_kg, coalesce(promised.may_differ, FALSE) AS promised_may_differ,
    moved.recorded_at AS moved_at, moved.due_on AS moved_to,
    (
        SELECT max(recorded_at) FROM deadline_move
        WHERE
            subject_id = contract.id::text AND duty = 'contract-filing'
            AND (contract.closed_at IS NULL OR recorded_at <= contract.closed_at)
    ) AS judged_anew_at,
    ARRAY(
        SELECT DISTINCT ON (enterprise_id)
            json_build_object('party', party, 'terms', terms, 'enterprise_id', enterprise_id, 'filed_at', filed_at,
                'first_filed_at', first_filed_at)::text
        FROM filing WHERE contract_id = contract.id
        ORDER BY enterprise_id, version DESC
    ) AS filed,
    ARRAY(
        SELECT json_build_array(position, lot_id, kg, excess_kg)::text FROM pledge
        WHERE contract_id = contract.id AND released_at IS NOT DISTINCT FROM contract.closed_at
        ORDER BY id
    ) AS pledged,
    'framework-exceeded' = ANY(contract.flags) AND EXISTS (
        SELECT FROM filing WHERE contract_id = contract.id AND terms @> '{"is_framework": true}'
    ) AS was_framework
FROM contract
LEFT JOIN told_later ON told_later.id = contract.id
LEFT JOIN LATERAL (
    SELECT recorded_at, due_on FROM deadline_move
    WHERE subject_id = contract.id::text AND duty = 'contract-filing'
    ORDER BY id DESC LIMIT 1
) AS moved ON TRUE
CROSS JOIN (
    SELECT greatest(now(), (SELECT max(opened_at) FROM alert), (SELECT max(entered_at) FROM paper)) AS read_at
) AS book
LEFT JOIN (
    SELECT subject_id, max(opened_at) AS told_at
    FROM alert
    WHERE
        code = 'filing-overdue' AND subject_kind = 'contract' AND settled_at IS NULL
        AND facts ? 'due_on' AND NOT facts ? 'amendment'
    GROUP BY subject_id
) AS overdue ON overdue.subject_id = contract.id::text
LEFT JOIN (
    SELECT
        framework_id, sum(CASE state WHEN 'closed' THEN shipped_kg ELSE kg END)::bigint AS kg,
        bool_or(told_later.id IS NOT NULL) AS may_differ
    FROM contract LEFT JOIN told_later USING (id)
    WHERE framework_id IS NOT NULL
    GROUP BY framework_id
) AS promised ON promised.framework_id = contract.id
"""
TRANCHES = """
SELECT
    coalesce(mine_id, project_id, stock_id) AS source_id, year, issued_on,
    coalesce(
        (SELECT min(recorded_at) FROM allotment_step WHERE allotment_id = allotment.id AND step = 'issue'), created_at
    ) AS since,
    (SELECT min(recorded_at) FROM allotment_step WHERE allotment_id = allotment.id AND step = 'withdraw') AS until
FROM allotment
WHERE
    kg > 0 AND issued_on IS NOT NULL AND coalesce(mine_id, project_id, stock_id) IS NOT NULL
    AND (
        state IN ('issued', 'published')
        OR EXISTS (SELECT FROM allotment_step WHERE allotment_id = allotment.id AND step = 'issue')
    )
"""
TRADERS = """
SELECT id, array_agg(DISTINCT kinds = '["trader"]') AS are_traders
FROM (
    SELECT id, to_jsonb(kinds) AS kinds FROM enterprise
    UNION ALL
    SELECT entry_id, entry -> 'kinds' FROM revision WHERE slice = 'enterprises'
) AS known
GROUP BY id
"""
FILED = """
SELECT
    contract.number, filing.id, filing.terms ->> 'signed_on' AS signed_on, filing.filed_at, filing.first_filed_at,
    filing.days_late
FROM filing INNER JOIN contract ON contract.id = filing.contract_id
"""
AMENDED = """
SELECT
    contract.number, amendment.number AS place, amendment.agreed_on, amendment.due_on, amendment.proposed_at, amendment.days_late,
    amendment.answered_at, amendment.answer_days_late, moved.recorded_at AS moved_at, moved.due_on AS moved_to
FROM amendment
INNER JOIN contract ON contract.id = amendment.contract_id
LEFT JOIN LATERAL (
    SELECT recorded_at, due_on FROM deadline_move
    WHERE subject_id = contract.id::text AND duty = 'contract-amendment'
    ORDER BY id DESC LIMIT 1
) AS moved ON TRUE
"""
HANDED = "SELECT number, handed_on, due_on, filed_at, days_late, flags FROM slip"


@dataclass(frozen=True, slots=True)
class Filed:
    """What a side of a contract filed last."""

    is_seller: bool
    enterprise_id: str
    terms: Mapping[str, Any]
    filed_at: datetime
    first_filed_at: datetime

    @classmethod
    def read(cls, text: str) -> "Filed":
        """A filing as the database tells it."""
        said = json.loads(text)
        times = (datetime.fromisoformat(said[name]) for name in ("filed_at", "first_filed_at"))
        return cls(said["party"] == "seller", said["enterprise_id"], said["terms"], *times)

    @property
    def signed_on(self) -> date:
        """The day on which it says that the contract was signed."""
        return date.fromisoformat(self.terms["signed_on"])

    @property
    def source_id(self) -> str | None:
        """The mine, project or stock that it names."""
        return next((found for name in SOURCES if (found := self.terms.get(name))), None)

    @property
    def proof(self) -> list[tuple[str, int]]:
        """The lots that it names, with the kilograms from each."""
        return [(line["lot_id"], line["kg"]) for line in self.terms.get("proof") or ()]

    def agrees(self, other: "Filed") -> bool:
        """Whether both say the same of what both must file alike (R22c)."""
        grades = {_grade(side.terms["grade"]) for side in (self, other)}
        proofs = [side.proof for side in (self, other) if side.proof]
        alike = all((self.terms.get(name) or None) == (other.terms.get(name) or None) for name in AGREE)
        return alike and len(grades) == 1 and (len(proofs) < 2 or proofs[0] == proofs[1])


@dataclass(frozen=True, slots=True)
class Come:
    """What filings come to by some rules."""

    state: str
    proof_state: str
    due_on: date
    proof: list[tuple[str, int]]
    flags: frozenset[str]  # but for those that time and instalments bring


class Ground:
    """What filings are judged by: the rules, the tranches of sources, and which firms may have been traders alone."""

    def __init__(
        self, rulebook: Rulebook, tranches: Sequence[asyncpg.Record], traders: Sequence[asyncpg.Record]
    ) -> None:
        self.rulebook = rulebook
        self._tranches: defaultdict[str, list[asyncpg.Record]] = defaultdict(list)
        for row in tranches:
            self._tranches[str(row["source_id"])].append(row)
        self._traders = {str(row["id"]): tuple(row["are_traders"]) for row in traders}

    @classmethod
    async def read(cls, connection: asyncpg.Connection) -> "Ground":
        """All of it."""
        rulebook = await Rulebook.read(connection)
        traders = await connection.fetch(TRADERS) if rulebook.excuses else ()
        return cls(rulebook, await connection.fetch(TRANCHES), traders)

    def has_quota(self, source_id: str | None, on: date, at: datetime) -> set[bool]:
        """Whether a source had a tranche in force on a day, by what was on record at a moment (R22d)."""
        if source_id is None:
            return {True}
        rows = [row for row in self._tranches[source_id] if row["year"] == on.year and row["issued_on"] <= on]
        first, last = self.rulebook.around(at)
        if any(moment and first <= moment <= last for row in rows for moment in (row["since"], row["until"])):
            return {True, False}
        return {any(row["since"] <= at and (row["until"] is None or row["until"] > at) for row in rows)}

    def excused(self, firm_id: str, on: date, rules: Rules) -> tuple[bool, ...]:
        """Whether nobody waits for a firm: by policy not for a trader that is nothing else (R22)."""
        return (False,) if rules.value(TRADER, on) else self._traders.get(firm_id, (False,))


async def contracts_are_what_was_filed(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """A contract's state, proof, flags, pledges and due day follow from what was filed, closed, promised and decided."""
    ground = await Ground.read(connection)
    async for row in connection.cursor(CONTRACTS, prefetch=1_000):
        try:
            faults = list(_faults(row, ground))
        except UNREADABLE:
            faults = ["what was filed of it cannot be read"]
        for fault in faults:
            findings.add("contract", None, f"contract {row['number']}: {fault}")


async def days_are_what_the_calendar_says(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """Until when amendments and slips were to be filed, and how late they and all versions of filings were."""
    rulebook = await Rulebook.read(connection)
    async for row in connection.cursor(FILED, prefetch=5_000):
        try:
            near = {rules.due(date.fromisoformat(row["signed_on"])) for rules in rulebook.near(row["filed_at"])}
        except UNREADABLE:
            near = set()
        if row["days_late"] not in {days_after(due_on, row["first_filed_at"]) for due_on in near}:
            message = f"contract {row['number']}: filing {row['id']} says that it is {row['days_late']} days late"
            findings.add("filing", None, message)
    async for row in connection.cursor(AMENDED, prefetch=1_000):
        for fault in _faults_of_amendment(row, rulebook):
            findings.add("amendment", None, f"amendment {row['place']} of contract {row['number']}: {fault}")
    async for row in connection.cursor(HANDED, prefetch=5_000):
        near = {rules.due(row["handed_on"], SLIP) for rules in rulebook.near(row["filed_at"])}
        late = days_after(row["due_on"], row["filed_at"])
        if row["due_on"] not in near or row["days_late"] != late or (LATE in row["flags"]) != (late > 0):
            said = f"it was due on {row['due_on']} and is {row['days_late']} days late"
            findings.add("slip", None, f"slip {row['number']}: {said}, which it is not")


def _faults_of_amendment(row: asyncpg.Record, rulebook: Rulebook) -> Iterator[str]:
    due = rulebook.due(row["agreed_on"], row["proposed_at"], row["moved_at"], row["moved_to"])
    if row["due_on"] not in due:
        yield f"it is said to be due on {row['due_on']}, and is on {min(due)}"
    if row["days_late"] != days_after(row["due_on"], row["proposed_at"]):
        yield f"it is said to have come {row['days_late']} days late, and did not"
    answered_at, late = row["answered_at"], row["answer_days_late"]
    counted = {row["due_on"]} if answered_at is None else {row["due_on"], *rulebook.due(row["agreed_on"], answered_at)}
    if late not in {answered_at and days_after(due_on, answered_at) for due_on in counted}:
        yield f"its answer is said to have come {late} days late, and did not"


def _faults(row: asyncpg.Record, ground: Ground) -> Iterator[str]:
    filed = [Filed.read(text) for text in row["filed"]]
    if not filed:
        yield "nobody has filed it"
        return
    filed_at = max(filing.filed_at for filing in filed)
    judged_at = max(filed_at, row["judged_anew_at"] or filed_at)
    may_be = list(_may_come_to(filed, row, ground, judged_at))

    due = ground.rulebook.due(row["signed_on"], filed_at, row["moved_at"], row["moved_to"])
    if row["due_on"] not in due:
        yield f"it is said to be due on {row['due_on']}, and is on {min(due)}"
    states = {come.state for come in may_be}
    if row["closed_at"] is None and row["state"] not in states:
        yield f"it is said to be {row['state']}, and its filings come to {_either(states)}"
    proofs = {come.proof_state for come in may_be}
    if row["proof_state"] not in proofs:
        yield f"its proof is said to be {row['proof_state']}, and its filings come to {_either(proofs)}"
    if not any([line[1:3] for line in _pledged(row, come.proof)] == come.proof for come in may_be):
        yield "its pledges are not the lots that its proof names"

    flags = [flags for come in may_be for flags in _flags(row, come, judged_at)]
    said = set(row["flags"])
    if len(said) < len(row["flags"]):
        yield "it bears a flag twice"
    for flag in sorted(map(str, said - set().union(*flags))):
        yield f"it is flagged {flag}, which nothing of it says"
    for flag in sorted(frozenset.intersection(*flags) - said):
        yield f"it is not flagged {flag}, which its filings come to"


def _may_come_to(filed: Sequence[Filed], row: asyncpg.Record, ground: Ground, judged_at: datetime) -> Iterator[Come]:
    """What the filings may have come to when they were last judged: once, but where a decision was made just then."""
    seller = next((filing for filing in filed if filing.is_seller), None)
    buyers = [filing for filing in filed if not filing.is_seller]
    if seller and (named := [one for one in buyers if one.enterprise_id == seller.terms["buyer_id"]]):
        buyers = named
    first_at = min((one.first_filed_at for one in buyers), default=None)
    counting = [one for one in buyers if one.first_filed_at == first_at] or (None,)
    for buyer in counting:
        standing = seller or buyer
        assert standing is not None, "somebody has filed"
        on = standing.signed_on
        for rules, has_quota in product(
            ground.rulebook.near(judged_at), ground.has_quota(standing.source_id, on, judged_at)
        ):
            excused = [ground.excused(str(standing.terms[f"{side}_id"]), on, rules) for side in ("seller", "buyer")]
            for is_seller_excused, is_buyer_excused in product(*excused):
                waits = not (seller or is_seller_excused) or not (buyer or is_buyer_excused)
                yield _come_to(row, standing, seller, buyer, rules, waits=waits, has_quota=has_quota)


def _come_to(
    row: asyncpg.Record,
    standing: Filed,
    seller: Filed | None,
    buyer: Filed | None,
    rules: Rules,
    *,
    waits: bool,
    has_quota: bool,
) -> Come:
    is_from_stock = standing.source_id is None and not standing.terms.get("is_framework")
    proven = [side for side in (seller, buyer) if side and side.proof and is_from_stock]
    proof = min(proven, key=lambda side: side.filed_at).proof if proven else []
    lacking_kg = standing.terms["kg"] - sum(kg for _, kg in proof) if is_from_stock else 0
    proof_state = "none" if not is_from_stock else "missing" if lacking_kg > 0 or not proof else "complete"
    if waits:
        state = "incomplete"
    elif seller and buyer and not seller.agrees(buyer):
        state = "mismatch"
    else:
        state = "incomplete" if is_from_stock and not proof else "filed"
    late = any(days_after(rules.due(side.signed_on), side.first_filed_at) for side in (seller, buyer) if side)
    found = {
        LATE: late,
        MISMATCH: state == "mismatch",
        UNPROVEN: lacking_kg > 0,
        OVERPLEDGED: any(excess_kg for *_, excess_kg in _pledged(row, proof)),
        NO_QUOTA: not has_quota,
    }
    return Come(
        state,
        proof_state,
        rules.due(standing.signed_on),
        proof,
        frozenset(flag for flag, holds in found.items() if holds),
    )


def _flags(row: asyncpg.Record, come: Come, judged_at: datetime) -> Iterator[frozenset[str]]:
    """The flags that a contract may bear: with those that time and its instalments have brought since it was judged."""
    exceeded = {row["promised_kg"] > row["kg"]}
    if row["promised_may_differ"]:
        exceeded = {True, False}
    if not row["is_framework"]:
        exceeded = {bool(row["was_framework"])} if EXCEEDED in row["flags"] else {False}
    for is_overdue, is_exceeded in product(_overdue(row, come, judged_at), exceeded):
        found = come.flags | ({OVERDUE} if is_overdue else set())
        more = {EXCEEDED} if is_exceeded else set()
        if row["closed_at"] is None or row["is_told_later"] or row["shipped_kg"]:
            yield found | more
        # One that was closed before anything was shipped lacks nothing more.
        if row["closed_at"] is not None and (row["is_told_later"] or not row["shipped_kg"]):
            yield (found & {LATE}) | more


def _overdue(row: asyncpg.Record, come: Come, judged_at: datetime) -> set[bool]:
    """Whether it is flagged as overdue: by its last filing, or by the sweeper, which says so when it comes by (R26)."""
    closed_at, told_at = row["closed_at"], row["told_overdue_at"]
    if come.state not in ("incomplete", "mismatch"):
        return {False}
    due_on = row["due_on"] if closed_at is None else come.due_on
    if day_of(judged_at) > due_on:
        return {True}
    if closed_at is not None:
        return {False, day_of(closed_at) > due_on}
    if told_at is not None and day_of(told_at) > due_on:
        return {True}
    return {False, day_of(row["read_at"]) > due_on}


def _pledged(row: asyncpg.Record, proof: Sequence[tuple[str, int]]) -> list[tuple[int, str, int, int]]:
    """The pledges that were in force when it was last judged, in the order of their proof."""
    pledged: list[tuple[int, str, int, int]] = [tuple(json.loads(text)) for text in row["pledged"]]
    # What was released in the very moment of its closing may have been another proof's, too.
    return sorted(pledged if row["closed_at"] is None else pledged[len(pledged) - len(proof) :])


def _grade(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).replace(" ", "").upper()
    return GRADE_OF.get(plain, name)


def _either(found: set[str]) -> str:
    return " or ".join(sorted(found))
