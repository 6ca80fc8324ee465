"""Bounds for what walks look through where an account has many holes."""

from migrations import sentences_beside

revision, down_revision = "0011", "0010"
upgrade = sentences_beside(__file__)
