"""What happens when stations tell what their scales said."""

from service.actions.weighings.correcting import correct_weighing, void_weighing
from service.actions.weighings.desk import Stirred
from service.actions.weighings.reckoning import reckon_sent_back
from service.actions.weighings.recording import rehearse, weigh_all
from service.actions.weighings.sent import Sent, Weighed
from service.actions.weighings.settling import Settlement, settle_suspense

__all__ = [
    "Sent",
    "Settlement",
    "Stirred",
    "Weighed",
    "correct_weighing",
    "reckon_sent_back",
    "rehearse",
    "settle_suspense",
    "void_weighing",
    "weigh_all",
]
