"""Tickets that share a weighing are told as a whole, and lots of which something was refused are watched (W04, W10, E36)."""

from migrations import sentences_beside

revision, down_revision = "0024", "0023"
upgrade = sentences_beside(__file__)
