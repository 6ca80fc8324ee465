"""Scoring sheets of mines (监管测评表): drafted from what the service knows, completed, signed off."""

from service.routes.assessments.bodies import AssessmentOut, LineOut
from service.routes.assessments.doors import ReadsSheets, merit_router, router
from service.routes.assessments.shown import one, shown

__all__ = ["AssessmentOut", "LineOut", "ReadsSheets", "merit_router", "one", "router", "shown"]
