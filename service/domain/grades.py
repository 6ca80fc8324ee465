"""Grades of ore, as the trade sorts magnesite by what is in it: bands of MgO, CaO and SiO₂, and the names they go by (E46)."""

from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from service.domain.codes.texts import folded
from service.domain.refusals import Refusal


class GradeUnknown(Refusal):
    """This grade is not in the list of grades; name one of them (GET /v1/grades)."""

    title = "品级不在品级表中；请按品级表填写（见 GET /v1/grades）"
    rule = "R22c"


@dataclass(frozen=True, slots=True)
class Grade:
    """A band of ore: at least so much MgO, at most so much CaO and SiO₂, in percent by mass."""

    code: str
    name: str
    name_en: str
    least_mgo: Decimal
    most_cao: Decimal
    most_sio2: Decimal
    aliases: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All that the grade is called."""
        return (self.code, self.name, *self.aliases)


def _grade(code: str, name: str, name_en: str, mgo: str, cao: str, sio2: str, *aliases: str) -> Grade:
    return Grade(code, name, name_en, Decimal(mgo), Decimal(cao), Decimal(sio2), aliases)


GRADES = (
    _grade("LM47", "特级品", "Special grade", "47", "0.6", "0.6", "特级", "M47", "LM-47", "特级矿"),
    _grade("LM46", "一级品", "First grade", "46", "0.8", "1.2", "一级", "M46", "LM-46", "一级矿"),
    _grade("LM45", "二级品", "Second grade", "45", "1.5", "1.5", "二级", "M45", "LM-45", "二级矿"),
    _grade("LM43", "三级品", "Third grade", "43", "1.5", "3.5", "三级", "M43", "LM-43", "三级矿"),
    _grade("LM41", "四级品", "Fourth grade", "41", "6", "2", "四级", "M41", "LM-41", "四级矿"),
    _grade("LM33", "菱镁石粉", "Magnesite fines", "33", "6", "4", "粉矿", "M33", "LM-33", "石粉"),
)
"""From the richest to the poorest."""

_BY_NAME = MappingProxyType({folded(name).upper(): grade for grade in GRADES for name in grade.names})


def find_grade(name: str) -> Grade | None:
    """The grade that goes by a name, however wide or spaced it was typed; None for what the list does not know."""
    return _BY_NAME.get(folded(name).upper())


def fits_analysis(name: str, mgo_per_mille: int, tolerance_per_mille: int) -> bool:
    """Whether ore with so much MgO may go by a name: no poorer, and not so rich that it is the next better grade (E46)."""
    grade = find_grade(name)
    if grade is None:
        return True
    richer = [one.least_mgo for one in GRADES if one.least_mgo > grade.least_mgo]
    least = grade.least_mgo * 10 - tolerance_per_mille
    return mgo_per_mille >= least and (not richer or mgo_per_mille < min(richer) * 10 + tolerance_per_mille)


def is_same_grade(one: str, other: str) -> bool:
    """Whether two names are one grade: 一级, 一级品 and LM46 are; what the list does not know is only what it is called."""
    if one == other:
        return True
    found = find_grade(one)
    return found is not None and found is find_grade(other)


def check_grade(name: str, *, listed_only: bool) -> None:
    """Refuse a grade that the list does not know, where the policy asks for listed ones."""
    if listed_only and find_grade(name) is None:
        raise GradeUnknown(grade=name, grades=[grade.code for grade in GRADES])
