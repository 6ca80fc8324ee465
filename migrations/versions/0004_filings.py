"""What was filed."""

from migrations import sentences_beside

revision, down_revision = "0004", "0003"
upgrade = sentences_beside(__file__)
