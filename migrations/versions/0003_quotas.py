"""The quota tree."""

from migrations import sentences_beside

revision, down_revision = "0003", "0002"
upgrade = sentences_beside(__file__)
