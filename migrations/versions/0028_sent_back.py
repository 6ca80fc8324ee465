"""Loads that were refused or came back are found by the paper of the lot that they had come into (W10)."""

from migrations import sentences_beside

revision, down_revision = "0028", "0027"
upgrade = sentences_beside(__file__)
