"""Runs of plants (P02): ore in, products, by-products and tailings out, loss; and how far the yield lies from the line's."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from uuid import UUID

import orjson

from service.domain.ledger import Movement
from service.domain.policies import Policies
from service.domain.refusals import NotFound, Refusal
from service.domain.units import Kilograms, told_of

FLOTATION = "flotation"


class OutputKind(StrEnum):
    """What came out of a line: what it is run for, what comes along, or what is left over."""

    PRODUCT = "product"
    BY_PRODUCT = "by_product"
    TAILINGS = "tailings"


@dataclass(frozen=True, slots=True)
class Input:
    """Kilograms of one lot that went into a line."""

    lot_id: UUID
    kg: Kilograms


@dataclass(frozen=True, slots=True)
class Output:
    """What a line made; `ore_kg` is what of the ore stands behind it, None while it has not been shared out."""

    kind: OutputKind
    name: str
    kg: Kilograms
    ore_kg: Kilograms | None = None

    @property
    def made_kg(self) -> Kilograms:
        """The kilograms that are made of ore."""
        assert self.ore_kg is not None, "the ore has been shared out"
        return min(self.kg, self.ore_kg)

    @property
    def gained_kg(self) -> Kilograms:
        """The kilograms that no ore stands behind: they have no origin."""
        return Kilograms(self.kg - self.made_kg)


@dataclass(frozen=True, slots=True)
class Run:
    """What one line did with some lots, as its firm files it; `lost_kg` None: whatever is missing."""

    number: str
    enterprise_id: UUID
    line_id: UUID
    ran_on: date
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    lost_kg: Kilograms | None = None

    @property
    def in_kg(self) -> Kilograms:
        """What went into the line."""
        return Kilograms(sum(part.kg for part in self.inputs))

    @property
    def product_kg(self) -> Kilograms:
        """What the line is run for."""
        return Kilograms(sum(part.kg for part in self.outputs if part.kind is OutputKind.PRODUCT))


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was registered when the run was filed: its kind, its status, and tonnes of ore for a tonne of product."""

    id: UUID
    enterprise_id: UUID
    version: int
    kind: str
    status: str
    ore_per_product: Decimal


class UnknownRunLine(NotFound):
    """The line is not a registered line of this firm; name one of GET /v1/lines."""

    title = "该生产线不是本企业已登记的生产线；请填写 GET /v1/lines 中的一条"
    rule = "P01"


class UnknownInput(NotFound):
    """A lot that went in is not held by this firm; name lots of GET /v1/lots."""

    title = "投料批次并非本企业持有；请填写 GET /v1/lots 中的批次"
    rule = "P02"


class RunInFuture(Refusal):
    """The run lies in the future; file it when it has been done."""

    title = "加工日期在将来；请在加工完成后登记"
    rule = "P02"


class LotHasLess(Refusal):
    """A lot has fewer kilograms free than went in; correct the figure, release a pledge or file a stocktake first."""

    title = "批次可用量少于投料量；请更正数字，或先释放列入来源证明的数量、申报盘点"
    rule = "P02"


class OreDoesNotAddUp(Refusal):
    """Ore behind the outputs and loss do not come to what went in; give `ore_kg` for all outputs or none, so that they add up."""

    title = "产出所用矿石与损耗之和不等于投料量；ore_kg 须全部填写或全部不填，且合计相符"
    rule = "P02"


class RunNumberTaken(Refusal):
    """Another run of this firm has this number; void that one to correct it, and file anew under a new number."""

    title = "本企业已有同号的加工记录；如需更正，请作废原记录后以新编号登记"
    rule = "P02"


class RunVoided(Refusal):
    """The run was voided before."""

    title = "该加工记录已作废"
    rule = "W09"


def settle(run: Run, line: Line) -> Run:
    """The run with its loss said and its ore shared out, in the outputs' order; raises OreDoesNotAddUp (P02).

    Flotation keeps the mass: a concentrate or tailing is its own weight of ore, and what is missing is loss (E45).
    A kiln burns mass off: all ore that is not lost stands behind the outputs by their weight, whole kilograms,
    the remainder with the first.
    """
    weights = [output.kg for output in run.outputs]
    told = [output.ore_kg for output in run.outputs]
    if any(ore_kg is None for ore_kg in told):
        if any(ore_kg is not None for ore_kg in told):
            raise OreDoesNotAddUp(in_kg=run.in_kg)
        if line.kind == FLOTATION:
            told = list(weights)
        else:
            ore_kg = run.in_kg - (run.lost_kg or 0)
            shares: list[Kilograms | None] = [Kilograms(ore_kg * kg // sum(weights)) for kg in weights]
            told = [Kilograms((shares[0] or 0) + ore_kg - sum(share or 0 for share in shares)), *shares[1:]]
    behind_kg = sum(ore_kg or 0 for ore_kg in told)
    lost_kg = run.in_kg - behind_kg if run.lost_kg is None else run.lost_kg
    if lost_kg < 0 or behind_kg + lost_kg != run.in_kg or any((ore_kg or 0) <= 0 for ore_kg in told):
        raise OreDoesNotAddUp(in_kg=run.in_kg, behind_outputs_kg=behind_kg, lost_kg=lost_kg)
    outputs = tuple(replace(output, ore_kg=ore_kg) for output, ore_kg in zip(run.outputs, told, strict=True))
    return replace(run, outputs=outputs, lost_kg=Kilograms(lost_kg))


def ore_per_product(run: Run) -> Fraction | None:
    """Tonnes of ore for a tonne of what the line is run for; None when it made none."""
    return Fraction(run.in_kg, run.product_kg) if run.product_kg else None


def is_out_of_band(run: Run, line: Line, policies: Policies) -> bool:
    """Whether the yield lies further from the line's factor than the policy allows (P02, E44)."""
    found = ore_per_product(run)
    if found is None:
        return True
    expected = Fraction(line.ore_per_product)
    return abs(found - expected) > policies.yield_band_share * expected


def fact_of_run(run: Run, filed_at: datetime) -> bytes:
    """The hash that stands for a run; the movements that it posts are bound to it."""
    return _hash("run", [run, filed_at.astimezone(UTC)])


def fact_of_void(run_id: UUID, reason: str, at: datetime) -> bytes:
    """The hash that stands for the end of a run."""
    return _hash("run void", [str(run_id), reason, at.astimezone(UTC)])


def _hash(kind: str, content: list[object]) -> bytes:
    # `default`: the driver's ids are a kind of UUID that orjson takes for something else.
    text = orjson.dumps(content, default=str, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(f"meisu {kind} 1\n".encode() + text).digest()


@dataclass(frozen=True, slots=True)
class Books:
    """The accounts that a run moves kilograms between; `products` in the order of its outputs."""

    lots: Mapping[UUID, int]
    run: int
    products: Sequence[int]
    lost: int
    gained: int


def movements(
    run: Run, run_id: UUID, books: Books, ids: Iterator[UUID], fact: bytes, *, filed_at: datetime
) -> list[Movement]:
    """A settled run as one act: its lots into the run, the run into its products from the first ore on, the rest lost.

    It happened on its day, and before it was filed.
    """
    at = told_of(run.ran_on, filed_at)

    def move(source: int, target: int, kg: int, made_kg: Kilograms | None = None) -> Movement:
        return Movement(next(ids), run_id, source, target, Kilograms(kg), at, fact, made_kg)

    moved = [move(books.lots[part.lot_id], books.run, part.kg) for part in run.inputs]
    for output, product in zip(run.outputs, books.products, strict=True):
        assert output.ore_kg is not None, "the ore has been shared out"
        moved.append(move(books.run, product, output.ore_kg, output.made_kg))
        if output.gained_kg:
            moved.append(move(books.gained, product, output.gained_kg))
    if run.lost_kg:
        moved.append(move(books.run, books.lost, run.lost_kg))
    return moved
