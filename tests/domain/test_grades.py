"""Grades: bands that do not cross, and names that mean the same (E46)."""

from itertools import pairwise

import pytest

from service.domain.grades import GRADES, GradeUnknown, check_grade, find_grade, is_same_grade


def test_richer_grades_have_more_mgo() -> None:
    assert all(richer.least_mgo > poorer.least_mgo for richer, poorer in pairwise(GRADES))


def test_no_two_grades_share_a_name() -> None:
    names = [name for grade in GRADES for name in grade.names]

    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("一级", "一级品", True),
        ("一级", "LM46", True),
        ("lm-46", "ＬＭ４６", True),
        ("一级", "二级", False),
        ("LM46", "LM47", False),
        ("甲级", "甲级", True),
        ("甲级", "LM46", False),
    ],
)
def test_names_of_one_grade_are_the_same(one: str, other: str, is_same: bool) -> None:
    assert is_same_grade(one, other) is is_same
    assert is_same_grade(other, one) is is_same


def test_an_unknown_grade_is_refused_only_where_the_policy_asks_for_listed_ones() -> None:
    assert find_grade("甲级") is None
    check_grade("甲级", listed_only=False)
    check_grade("特级", listed_only=True)
    with pytest.raises(GradeUnknown):
        check_grade("甲级", listed_only=True)
