"""An index by number that only questions about a station's numbers may use."""

from migrations import sentences_beside

revision, down_revision = "0036", "0032"
upgrade = sentences_beside(__file__)
