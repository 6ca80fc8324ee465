"""An index by station that only questions about a time may use."""

from migrations import sentences_beside

revision, down_revision = "0016", "0015"
upgrade = sentences_beside(__file__)
