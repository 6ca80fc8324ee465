"""Every rule of the notice and every case of real life has a test that names it."""

from tests import rules


def test_every_rule_and_case_is_named_by_a_test() -> None:
    assert [rule for rule, tests in rules.tests_of_rules().items() if not tests] == []
