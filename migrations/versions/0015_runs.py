"""Runs of plants, their products, and stocktakes."""

from migrations import sentences_beside

revision, down_revision = "0015", "0014"
upgrade = sentences_beside(__file__)
