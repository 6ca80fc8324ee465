"""What entries in the log of papers bind is told in one place, for those who enter it and those who ask for a proof."""

from migrations import sentences_beside

revision, down_revision = "0027", "0026"
upgrade = sentences_beside(__file__)
