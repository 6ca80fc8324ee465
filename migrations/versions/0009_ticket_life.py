"""What becomes of tickets beyond the straight journey, and the list of codes that are good no longer."""

from migrations import sentences_beside

revision, down_revision = "0009", "0008"
upgrade = sentences_beside(__file__)
