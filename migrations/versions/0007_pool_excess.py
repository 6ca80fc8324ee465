"""By how much a jurisdiction's cap was broken, and when."""

from migrations import sentences_beside

revision, down_revision = "0007", "0006"
upgrade = sentences_beside(__file__)
