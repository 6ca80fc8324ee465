"""What happens when stations tell what their scales said."""

from service.actions.weighings.correcting import correct_weighing, void_weighing
from service.actions.weighings.recording import weigh_all
from service.actions.weighings.sent import Sent, Weighed

__all__ = ["Sent", "Weighed", "correct_weighing", "void_weighing", "weigh_all"]
