"""Tickets and weighings."""

from migrations import sentences_beside

revision, down_revision = "0005", "0004"
upgrade = sentences_beside(__file__)
