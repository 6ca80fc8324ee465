"""What the offices have decided is bound by the log of papers, with its words."""

from migrations import sentences_beside

revision, down_revision = "0035", "0034"
upgrade = sentences_beside(__file__)
