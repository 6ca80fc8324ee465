"""Who there is."""

from migrations import sentences_beside

revision, down_revision = "0002", "0001"
upgrade = sentences_beside(__file__)
