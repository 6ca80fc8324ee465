"""A device's clock that jumped back is flagged (W04)."""

from migrations import sentences_beside

revision, down_revision = "0021", "0020"
upgrade = sentences_beside(__file__)
