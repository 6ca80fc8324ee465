"""Runs of plants, their products, and stocktakes."""

from migrations import sentences_beside

revision, down_revision = "0014", "0013"
upgrade = sentences_beside(__file__)
