"""What a scale's record says of the ore's moisture (E19)."""

from migrations import sentences_beside

revision, down_revision = "0019", "0018"
upgrade = sentences_beside(__file__)
