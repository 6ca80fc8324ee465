"""What was done to tickets, and when they ran out, is bound by the log of papers."""

from migrations import sentences_beside

revision, down_revision = "0033", "0032"
upgrade = sentences_beside(__file__)
