"""Scoring sheets with their evidence, production forms, reserves, samples, and what counties report of a year."""

from migrations import sentences_beside

revision, down_revision = "0015", "0014"
upgrade = sentences_beside(__file__)
