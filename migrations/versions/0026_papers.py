"""What is filed and issued is bound by a log of its own, row by row."""

from migrations import sentences_beside

revision, down_revision = "0026", "0025"
upgrade = sentences_beside(__file__)
