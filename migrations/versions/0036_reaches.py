"""Indexes of how far holes and legs behind reach, which no other question may use."""

from migrations import sentences_beside

revision, down_revision = "0036", "0035"
upgrade = sentences_beside(__file__)
