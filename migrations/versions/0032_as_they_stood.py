"""What tickets and allotments said before it was written over: told anew as of any time (E53)."""

from migrations import sentences_beside

revision, down_revision = "0032", "0031"
upgrade = sentences_beside(__file__)
