"""Filing a side of contracts: one or many at once, each refused or filed on its own."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.contracts.standing import Standing, assess, keep, parties_of, pledge, watch_framework
from service.actions.quotas import watch_commitments
from service.db import Connection
from service.domain import filings, proofs
from service.domain.filings import Assessment, Contract, ContractState, Filing, Terms
from service.domain.investigations import Investigation, check_free
from service.domain.permissions import Actor
from service.domain.policies import DEFAULTS, Policies
from service.domain.refusals import NotFound, Refusal
from service.domain.units import shanghai_day
from service.store import audits, contracts, investigations, lots, pledges
from service.store.contracts import Firm

Key = tuple[UUID, str]


@dataclass(frozen=True, slots=True)
class Order:
    """A side's filing as somebody asks for it; `for_both` files the other side too, where both are one group (U9)."""

    actor: Actor
    number: str
    terms: Terms
    for_both: bool = False
    request_id: str | None = field(default_factory=audits.request_under_way)

    @property
    def key(self) -> Key:
        """What the contract is known by."""
        return self.terms.seller_id, self.number

    @property
    def parties(self) -> set[UUID]:
        """Seller and buyer."""
        return {self.terms.seller_id, self.terms.buyer_id}


@dataclass(frozen=True, slots=True)
class Filed:
    """What became of a filing: whether it has begun the contract, and whether it said anything new."""

    contract_id: UUID
    has_begun: bool
    is_new: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """Terms that some sides of a contract file next; the contract is held, `known` is what was last filed of it."""

    contract: Contract
    sides: Sequence[UUID]
    terms: Terms
    known: Sequence[Filing]
    person_id: UUID


@dataclass(frozen=True, slots=True)
class Ground:
    """What the registry knows of those whose terms are checked: firms, and each seller's mines, other sources and lots."""

    firms: Mapping[UUID, Firm]
    mines: Mapping[UUID, Sequence[UUID]]
    others: Mapping[UUID, Sequence[UUID]]
    lots: Mapping[UUID, Collection[UUID]]
    held: Mapping[UUID, Investigation]

    @classmethod
    async def read(
        cls, connection: Connection, terms: Sequence[Terms], firms: Mapping[UUID, Firm], *, at: datetime
    ) -> "Ground":
        """What there is of the sellers of some terms."""
        sellers = {one.seller_id for one in terms}
        pledged: defaultdict[UUID, set[UUID]] = defaultdict(set)
        for one in terms:
            if one.proof:
                pledged[one.seller_id] |= {line.lot_id for line in one.proof}
        return cls(
            firms=firms,
            mines=await contracts.mines_of(connection, sellers),
            others=await contracts.sources_of(connection, sellers),
            lots={seller: await lots.held_by(connection, named, seller) for seller, named in pledged.items()},
            held=await investigations.held(connection, set().union(*pledged.values()), shanghai_day(at)),
        )

    def sourced(self, terms: Terms) -> Terms:
        """The terms with the mine that the ore comes from; refused when it, or a lot of the proof, is not the seller's to give."""
        seller = terms.seller_id
        is_mining_firm = "mine" in self.firms[seller].kinds
        terms = filings.sourced(terms, self.mines[seller], self.others[seller], is_mining_firm=is_mining_firm)
        if terms.proof:
            named = [line.lot_id for line in terms.proof]
            proofs.check_lots(named, self.lots[seller])
            check_free(named, self.held)
        return terms


async def file_contract(connection: Connection, order: Order, *, at: datetime, policies: Policies = DEFAULTS) -> UUID:
    """File a side of a contract; gives the contract, or raises why not (R22, R23)."""
    (done,) = await file_contracts(connection, [order], at=at, policies=policies)
    if isinstance(done, Refusal):
        raise done
    return done.contract_id


async def file_contracts(
    connection: Connection, orders: Sequence[Order], *, at: datetime, policies: Policies = DEFAULTS
) -> list[Filed | Refusal]:
    """File sides of contracts, each contract once; what is refused has left nothing and holds up no other.

    1. A contract is known by its seller and number. Those that are new are opened first, then all are held until the end,
       and before them their frameworks: two who file the same papers wait for each other, never in a circle.
    2. The same terms again say nothing new; other terms are a new version until both sides agree.
    3. A new proof is pledged under the head's lock, so that of two pledges of one lot the later bears the excess.
    4. What the filings come to is kept; alerts are opened, and those that are put right are settled.
    """
    firms = await contracts.find_firms(connection, {key for order in orders for key in order.parties})
    frameworks = await contracts.lock_all(connection, {key for order in orders if (key := order.terms.framework_id)})
    found = await contracts.find_by_numbers(connection, [order.key for order in orders])
    ground = await Ground.read(
        connection, [order.terms for order in orders if order.terms.seller_id in firms], firms, at=at
    )
    outcomes: dict[int, Filed | Refusal] = {}
    sides: dict[Key, Sequence[UUID]] = {}
    fresh: dict[Key, Terms] = {}
    for place, order in enumerate(orders):
        try:
            filing = _sides(order, firms, at, policies)
            if order.key not in found:
                fresh[order.key] = _checked(order, ground, frameworks)
            sides[order.key] = filing
        except Refusal as refusal:
            outcomes[place] = refusal

    await _open(connection, fresh, policies, at=at)
    held = await contracts.lock_by_numbers(connection, sides.keys())  # opened here, or by the other side meanwhile
    known = await contracts.newest_filings(connection, [contract.id for contract in held.values()])
    drafted: list[tuple[Order, Draft]] = []
    for place, order in enumerate(orders):
        if place in outcomes:
            continue
        contract = held[order.key]
        said = known[contract.id]
        try:
            draft = _draft(order, contract, sides[order.key], said, fresh.get(order.key), ground, frameworks)
        except Refusal as refusal:
            outcomes[place] = refusal
            continue
        outcomes[place] = Filed(contract.id, has_begun=draft is not None and not said, is_new=draft is not None)
        if draft is not None:
            drafted.append((order, draft))

    assessments = await file_versions(connection, [draft for _, draft in drafted], at=at, policies=policies)
    notes = [
        audits.Note(
            order.actor,
            draft.contract.id,
            {"sides": draft.sides, "kg": draft.terms.kg, "state": assessment.state},
            order.request_id,
        )
        for (order, draft), assessment in zip(drafted, assessments, strict=True)
    ]
    await audits.note_all(connection, "contracts.file", notes, at=at)
    return [outcomes[place] for place in range(len(orders))]


async def check_sources(connection: Connection, terms: Terms, firms: Mapping[UUID, Firm], *, at: datetime) -> Terms:
    """The terms with the mine that the ore comes from; refused when it, or a lot of the proof, is not the seller's to give."""
    return (await Ground.read(connection, [terms], firms, at=at)).sourced(terms)


async def file_versions(
    connection: Connection, drafts: Sequence[Draft], *, at: datetime, policies: Policies
) -> list[Assessment]:
    """Write the next versions of some sides of contracts, and all that follows from them."""
    if not drafts:
        return []
    added: list[tuple[UUID, Filing, bytes, UUID]] = []
    filed: list[list[Filing]] = []
    for draft in drafts:
        after = list(draft.known)
        for side in draft.sides:
            standing = next((filing for filing in after if filing.enterprise_id == side), None)
            filing = filings.next_version(
                standing, draft.terms, filing_id=uuid7(), enterprise_id=side, at=at, policies=policies
            )
            fact = filings.fact_of(draft.contract.number, filing)
            added.append((draft.contract.id, filing, fact, draft.person_id))
            after = [*(other for other in after if other is not standing), filing]
        filed.append(after)
    await contracts.add_filings(connection, added)
    firms = await parties_of(connection, filed)
    assessments = [assess(one, firms, policies) for one in filed]
    in_force = await pledges.pledges_of(connection, [draft.contract.id for draft in drafts])
    standings = [
        Standing(
            draft.contract,
            assessment,
            await pledge(connection, draft.contract, assessment, in_force[draft.contract.id], at=at),
        )
        for draft, assessment in zip(drafts, assessments, strict=True)
    ]
    await keep(connection, standings, firms, at=at)
    await _watch(connection, standings, policies, at=at)
    return assessments


async def _watch(connection: Connection, standings: Sequence[Standing], policies: Policies, *, at: datetime) -> None:
    """See what is promised anew: by sources, also those that are no longer named (O01), and under frameworks."""
    sources: defaultdict[int, set[UUID]] = defaultdict(set)
    frameworks: set[UUID] = set()
    for one in standings:
        before, after = one.contract, one.assessment.terms
        for year in (before.signed_on.year, after.signed_on.year):
            sources[year] |= {source_id for source_id in (before.source_id, after.source_id) if source_id}
        named = (before.framework_id, after.framework_id, before.id if after.is_framework else None)
        frameworks |= {framework_id for framework_id in named if framework_id}
    await watch_commitments(connection, sources, policies, at=at)
    for framework_id in sorted(frameworks):
        await watch_framework(connection, framework_id, at=at)


def _sides(order: Order, firms: Mapping[UUID, Firm], at: datetime, policies: Policies) -> Sequence[UUID]:
    """The sides that an order files; refused where they are not the actor's to file, or their terms are none."""
    own = order.actor.enterprise_id
    if own is None or own not in order.parties:
        raise NotFound
    filings.check(order.terms, at, policies)
    if unknown := order.parties - firms.keys():
        raise filings.UnknownEnterprise(enterprise_id=str(unknown.pop()))
    if order.for_both and len({firms[key].group_code for key in order.parties}) > 1:
        raise filings.NotOneGroup
    return (own, *(order.parties - {own} if order.for_both else ()))


def _checked(order: Order, ground: Ground, frameworks: Mapping[UUID, Contract]) -> Terms:
    terms = ground.sourced(order.terms)
    if terms.framework_id:
        framework = frameworks.get(terms.framework_id)
        if framework is None:
            raise filings.UnknownFramework(framework_id=terms.framework_id)
        filings.check_instalment(terms, framework)
    return terms


async def _open(connection: Connection, fresh: Mapping[Key, Terms], policies: Policies, *, at: datetime) -> None:
    """Open the contracts that nobody has filed yet, by their sellers and numbers."""
    opened = [
        (uuid7(), number, terms, filings.contract_due(terms.signed_on, policies))
        for (_, number), terms in fresh.items()
    ]
    if opened:
        await contracts.open_contracts(connection, opened, at=at)


def _draft(
    order: Order,
    contract: Contract,
    sides: Sequence[UUID],
    said: Sequence[Filing],
    terms: Terms | None,
    ground: Ground,
    frameworks: Mapping[UUID, Contract],
) -> Draft | None:
    """What an order files next of a contract; None where its sides have filed these very terms.

    `terms` are the order's, if they were checked already; otherwise they are checked here. Raises what they are refused for,
    ContractClosed and ContractAlreadyFiled.
    """
    if not _unsaid(sides, order.terms, said):
        return None
    terms = terms or _checked(order, ground, frameworks)
    unsaid = _unsaid(sides, terms, said)
    if not unsaid:
        return None
    _check_open(contract)
    return Draft(contract, unsaid, terms, said, order.actor.person_id)


def _unsaid(sides: Sequence[UUID], terms: Terms, known: Sequence[Filing]) -> list[UUID]:
    """Those of the sides that have not filed these very terms."""
    said = {filing.enterprise_id for filing in known if terms.restates(filing.terms)}
    return [side for side in sides if side not in said]


def _check_open(contract: Contract) -> None:
    if contract.state is ContractState.CLOSED:
        raise filings.ContractClosed
    if contract.state is ContractState.FILED:
        raise filings.ContractAlreadyFiled
