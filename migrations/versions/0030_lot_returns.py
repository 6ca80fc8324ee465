"""What left a lot and came back into it was away meanwhile; and the head counts what is sent back (W10)."""

from migrations import sentences_beside

revision, down_revision = "0030", "0029"
upgrade = sentences_beside(__file__)
