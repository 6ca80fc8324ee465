"""The interval ledger."""

from migrations import sentences_beside

revision, down_revision = "0001", None
upgrade = sentences_beside(__file__)
