"""Filing: two sides with their own clocks, what must agree, and what is wrong."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from service.domain.filings import (
    Assessment,
    ContractState,
    DayInFuture,
    EndsBeforeSigning,
    Filing,
    MineNotNamed,
    MineWithProof,
    SellerIsBuyer,
    Slip,
    Terms,
    UnknownMine,
    assess,
    check,
    contract_due,
    fact_of,
    fact_of_slip,
    goes_to_a_stopped_plant,
    next_version,
    slip_due,
    sourced,
)
from service.domain.policies import DEFAULTS
from service.domain.proofs import Named, ProofState
from service.domain.units import SHANGHAI, Kilograms

MINE_FIRM, PLANT, TRADER, STRANGER = (UUID(int=number) for number in range(1, 5))
PAIZHAI, SECOND_MINE, LOT, OTHER_LOT = (UUID(int=number) for number in range(11, 15))
SIGNED = date(2026, 3, 2)
SIGNING = datetime(2026, 3, 2, 15, 0, tzinfo=SHANGHAI)
LAST_SECOND = datetime(2026, 3, 17, 23, 59, 59, tzinfo=SHANGHAI)
TERMS = Terms(MINE_FIRM, PLANT, SIGNED, 100_000, "一级", date(2026, 12, 31), mine_id=PAIZHAI)
STOCK = Terms(TRADER, PLANT, SIGNED, 100_000, "一级", date(2026, 12, 31))
PROVEN = replace(STOCK, proof=(Named(LOT, 60_000), Named(OTHER_LOT, 40_000)))


def filed(by: UUID, terms: Terms, at: datetime = SIGNING, standing: Filing | None = None) -> Filing:
    return next_version(standing, terms, filing_id=UUID(int=99), enterprise_id=by, at=at)


def flags(found: Assessment, at: datetime = SIGNING, *, excess: int = 0, quota: bool = True) -> list[str]:
    return [str(flag) for flag in found.flags(at, excess_kg=excess, seller_has_quota=quota)]


@pytest.mark.parametrize(
    ("at", "late"),
    [
        (SIGNING, 0),
        (LAST_SECOND, 0),
        (LAST_SECOND + timedelta(seconds=1), 1),
        (LAST_SECOND.astimezone(UTC), 0),
        (LAST_SECOND + timedelta(days=10), 10),
    ],
)
@pytest.mark.parametrize("by", [MINE_FIRM, PLANT])
def test_r22_each_side_is_in_time_until_the_last_second_of_day_15(by: UUID, at: datetime, late: int) -> None:
    assert contract_due(SIGNED) == date(2026, 3, 17)
    assert filed(by, TERMS, at).days_late == late


def test_r22_the_window_does_not_roll_over_holidays_unless_the_policy_says_so() -> None:
    signed = date(2026, 9, 16)

    assert contract_due(signed) == date(2026, 10, 1)
    assert contract_due(signed, replace(DEFAULTS, filing_rolls_over_holidays=True)) == date(2026, 10, 8)


def test_r22_two_sides_have_two_clocks() -> None:
    seller = filed(MINE_FIRM, TERMS, SIGNING)
    buyer = filed(PLANT, TERMS, LAST_SECOND + timedelta(seconds=1))
    found = assess([buyer, seller])

    assert (seller.days_late, buyer.days_late) == (0, 1)
    assert found.state is ContractState.FILED
    assert found.late == {"buyer": 1}
    assert flags(found) == ["filing-late"]


@pytest.mark.parametrize("by", [MINE_FIRM, PLANT])
def test_r22c_one_side_alone_is_incomplete(by: UUID) -> None:
    found = assess([filed(by, TERMS)])

    assert found.state is ContractState.INCOMPLETE
    assert found.proof_state is ProofState.NONE
    assert flags(found, LAST_SECOND) == []
    assert flags(found, LAST_SECOND + timedelta(seconds=1)) == ["filing-overdue"]


def test_r22c_both_sides_alike_are_filed() -> None:
    found = assess([filed(MINE_FIRM, TERMS), filed(PLANT, TERMS)])

    assert found.state is ContractState.FILED
    assert flags(found, LAST_SECOND + timedelta(days=30)) == []


@pytest.mark.parametrize(
    ("other", "differences"),
    [
        ({"signed_on": date(2026, 3, 3)}, ("signed_on",)),
        ({"kg": 100_001}, ("kg",)),
        ({"grade": "二级"}, ("grade",)),
        ({"mine_id": SECOND_MINE}, ("mine_id",)),
        ({"earmark": "镁建材"}, ("earmark",)),
        ({"kg": 1, "grade": "二级"}, ("kg", "grade")),
        ({"valid_until": date(2026, 11, 30)}, ()),
        ({"price_fen_per_t": 12_000}, ()),
    ],
)
def test_r22c_parties_tonnes_grade_dates_mine_and_earmark_must_agree(
    other: dict[str, object], differences: tuple[str, ...]
) -> None:
    found = assess([filed(MINE_FIRM, TERMS), filed(PLANT, replace(TERMS, **other))])

    assert found.differences == differences
    assert found.state is (ContractState.MISMATCH if differences else ContractState.FILED)
    assert flags(found) == (["filing-mismatch"] if differences else [])
    assert found.terms == TERMS, "the seller's terms count"


def test_r22c_a_seller_that_names_another_buyer_is_a_mismatch_until_it_files_anew() -> None:
    wrong = filed(MINE_FIRM, replace(TERMS, buyer_id=STRANGER))
    buyer = filed(PLANT, TERMS)

    assert assess([wrong, buyer]).differences == ("buyer_id",)
    assert assess([filed(MINE_FIRM, TERMS, standing=wrong), buyer]).state is ContractState.FILED


def test_r22c_a_stranger_cannot_disturb_what_the_two_parties_filed_alike() -> None:
    stranger = filed(STRANGER, replace(TERMS, buyer_id=STRANGER))
    found = assess(
        [stranger, filed(MINE_FIRM, TERMS, SIGNING + timedelta(1)), filed(PLANT, TERMS, SIGNING + timedelta(2))]
    )

    assert found.state is ContractState.FILED
    assert found.buyer is not None
    assert found.buyer.enterprise_id == PLANT


def test_r22c_a_new_version_keeps_the_sides_first_clock() -> None:
    first = filed(PLANT, replace(TERMS, kg=1), SIGNING)
    second = filed(PLANT, TERMS, LAST_SECOND + timedelta(days=5), first)

    assert (second.version, second.first_filed_at, second.days_late) == (2, SIGNING, 0)
    assert second.filed_at == LAST_SECOND + timedelta(days=5)


def test_r22c_a_mismatch_past_its_window_is_overdue() -> None:
    found = assess([filed(MINE_FIRM, TERMS), filed(PLANT, replace(TERMS, kg=1))])

    assert flags(found, LAST_SECOND + timedelta(seconds=1)) == ["filing-overdue", "filing-mismatch"]


def test_r22d_a_seller_without_quota_is_flagged() -> None:
    assert flags(assess([filed(MINE_FIRM, TERMS)]), quota=False) == ["seller-without-quota"]


def test_r23_a_sale_from_stock_without_proof_stays_incomplete() -> None:
    found = assess([filed(TRADER, STOCK), filed(PLANT, STOCK)])

    assert found.state is ContractState.INCOMPLETE
    assert (found.proof_state, found.unproven_kg) == (ProofState.MISSING, 100_000)
    assert flags(found) == ["origin-unproven"]


@pytest.mark.parametrize(("seller", "buyer"), [(PROVEN, PROVEN), (PROVEN, STOCK), (STOCK, PROVEN)])
def test_r23_one_proof_is_enough_whichever_side_files_it(seller: Terms, buyer: Terms) -> None:
    found = assess([filed(TRADER, seller), filed(PLANT, buyer)])

    assert (found.state, found.proof_state) == (ContractState.FILED, ProofState.COMPLETE)
    assert found.proof is not None
    assert flags(found) == []
    assert flags(found, excess=20_000) == ["origin-overpledged"]


def test_r23_a_proof_for_a_part_leaves_the_rest_unproven() -> None:
    part = replace(STOCK, proof=(Named(LOT, 60_000),))
    found = assess([filed(TRADER, part), filed(PLANT, STOCK)])

    assert (found.state, found.proof_state) == (ContractState.FILED, ProofState.MISSING)
    assert found.unproven_kg == 40_000
    assert flags(found) == ["origin-unproven"]


def test_r23_two_proofs_that_differ_are_a_mismatch_and_the_earlier_is_in_force() -> None:
    early = filed(PLANT, PROVEN, SIGNING)
    late = filed(TRADER, replace(STOCK, proof=(Named(LOT, 100_000),)), SIGNING + timedelta(1))
    found = assess([late, early])

    assert found.differences == ("proof",)
    assert found.proof is early


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        (replace(TERMS, buyer_id=MINE_FIRM), SellerIsBuyer),
        (replace(TERMS, signed_on=date(2026, 3, 3)), DayInFuture),
        (replace(TERMS, valid_until=date(2026, 3, 1)), EndsBeforeSigning),
        (replace(PROVEN, mine_id=PAIZHAI), MineWithProof),
    ],
)
def test_what_no_contract_can_say_is_refused(terms: Terms, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        check(terms, SIGNING)


def test_the_day_of_signing_is_a_day_in_shanghai() -> None:
    first_second = datetime(2026, 3, 1, 16, 0, tzinfo=UTC)

    check(TERMS, first_second)
    with pytest.raises(DayInFuture):
        check(TERMS, first_second - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("terms", "mines", "mine"),
    [
        (TERMS, [PAIZHAI, SECOND_MINE], PAIZHAI),
        (replace(TERMS, mine_id=None), [PAIZHAI], PAIZHAI),
        (STOCK, [], None),
        (PROVEN, [PAIZHAI], None),
    ],
)
def test_the_source_is_the_mine_named_or_the_sellers_only_one_or_its_stock(
    terms: Terms, mines: list[UUID], mine: UUID | None
) -> None:
    assert sourced(terms, mines).mine_id == mine


def test_a_mine_of_another_firm_or_one_of_several_is_not_guessed() -> None:
    with pytest.raises(UnknownMine):
        sourced(TERMS, [SECOND_MINE])
    with pytest.raises(MineNotNamed):
        sourced(replace(TERMS, mine_id=None), [PAIZHAI, SECOND_MINE])


def test_terms_without_the_mine_that_was_found_say_nothing_new() -> None:
    assert replace(TERMS, mine_id=None).restates(TERMS)
    assert TERMS.restates(TERMS)
    assert not replace(TERMS, kg=1).restates(TERMS)
    assert not replace(TERMS, mine_id=None, proof=(Named(LOT, 1),)).restates(TERMS)
    assert not PROVEN.restates(STOCK)


def test_a_receipt_changes_with_all_that_was_filed() -> None:
    filing = filed(MINE_FIRM, TERMS)
    receipts = {
        fact_of("HT-1", filing),
        fact_of("HT-2", filing),
        fact_of("HT-1", filed(PLANT, TERMS)),
        fact_of("HT-1", filed(MINE_FIRM, replace(TERMS, price_fen_per_t=1))),
        fact_of("HT-1", filed(MINE_FIRM, TERMS, SIGNING + timedelta(microseconds=1))),
    }

    assert len(receipts) == 5
    assert fact_of("HT-1", replace(filing, filed_at=SIGNING.astimezone(UTC))) in receipts


def test_r24_a_slip_has_a_window_of_its_own() -> None:
    slip = Slip(MINE_FIRM, "JJ-1", PAIZHAI, SIGNED, 5_000, "一级")

    assert slip_due(SIGNED) == date(2026, 3, 17)
    assert slip_due(SIGNED, replace(DEFAULTS, slip_days=30)) == date(2026, 4, 1)
    assert fact_of_slip(slip, SIGNING) != fact_of_slip(replace(slip, kg=5_001), SIGNING)


@pytest.mark.parametrize(
    ("named", "statuses", "is_stopped"),
    [
        (None, [], False),  # a plant without lines in the registry
        (None, ["stopped", "running"], False),  # which of them gets the ore is not known before it is run
        (None, ["stopped", "retired"], True),
        (0, ["running", "stopped"], False),
        (1, ["running", "stopped"], True),
        (1, ["running", "retired"], True),
    ],
)
def test_p01_ore_handed_over_to_a_line_that_does_not_run_is_flagged(
    named: int | None, statuses: list[str], is_stopped: bool
) -> None:
    lines = {UUID(int=number): status for number, status in enumerate(statuses)}
    slip = Slip(MINE_FIRM, "JJ-1", PAIZHAI, SIGNED, Kilograms(5_000), "一级")
    slip = replace(slip, line_id=None if named is None else UUID(int=named))

    assert goes_to_a_stopped_plant(slip, lines) is is_stopped
