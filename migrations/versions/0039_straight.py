"""What is told of caps counts what a holder got straight from a pool above its own."""

from migrations import sentences_beside

revision, down_revision = "0039", "0038"
upgrade = sentences_beside(__file__)
