"""What an office has settled is found by what it was about."""

from migrations import sentences_beside

revision, down_revision = "0020", "0019"
upgrade = sentences_beside(__file__)
