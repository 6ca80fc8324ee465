"""What happens when stations send what their scales said, and when people correct or settle it."""

from service.actions.weighings.correcting import correct_weighing, void_weighing
from service.actions.weighings.posting import end_act
from service.actions.weighings.reckoning import reckon_sent_back
from service.actions.weighings.recording import rehearse, weigh_all, weigh_some
from service.actions.weighings.sent import Sent, Weighed
from service.actions.weighings.settling import Settlement, settle_suspense

__all__ = [
    "Sent",
    "Settlement",
    "Weighed",
    "correct_weighing",
    "end_act",
    "reckon_sent_back",
    "rehearse",
    "settle_suspense",
    "void_weighing",
    "weigh_all",
    "weigh_some",
]
