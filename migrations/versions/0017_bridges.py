"""The class of each station's scale, pauses that end early, and keys of tickets that are believed no longer."""

from migrations import sentences_beside

revision, down_revision = "0017", "0016"
upgrade = sentences_beside(__file__)
