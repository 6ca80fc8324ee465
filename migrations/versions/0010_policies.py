"""Policy values, the calendar, outages, and what they have moved."""

from migrations import sentences_beside

revision, down_revision = "0010", "0009"
upgrade = sentences_beside(__file__)
