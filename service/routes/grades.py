"""The list of grades: what ore is called, and what is in it."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from service.auth import may
from service.domain.grades import GRADES
from service.domain.permissions import Actor

router = APIRouter(prefix="/v1/grades", tags=["registry"])


class GradeOut(BaseModel):
    """A grade: at least so much MgO, at most so much CaO and SiO₂, in percent by mass, as decimal text."""

    code: str
    name: str
    name_en: str
    least_mgo: str
    most_cao: str
    most_sio2: str
    aliases: list[str]


class GradesOut(BaseModel):
    """All grades, from the richest to the poorest."""

    items: list[GradeOut]
    next: None = None


@router.get("")
async def list_grades(actor: Annotated[Actor, Depends(may("registry.read"))]) -> GradesOut:
    """The grades that papers name; names of one grade are no mismatch (E46)."""
    return GradesOut(
        items=[
            GradeOut(
                code=grade.code,
                name=grade.name,
                name_en=grade.name_en,
                least_mgo=str(grade.least_mgo),
                most_cao=str(grade.most_cao),
                most_sio2=str(grade.most_sio2),
                aliases=list(grade.aliases),
            )
            for grade in GRADES
        ]
    )
