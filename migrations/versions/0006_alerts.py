"""Alerts and the outbox."""

from migrations import sentences_beside

revision, down_revision = "0006", "0005"
upgrade = sentences_beside(__file__)
