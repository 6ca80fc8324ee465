"""Alerts of two open tickets that are two no longer are settled (W05)."""

from migrations import sentences_beside

revision, down_revision = "0031", "0030"
upgrade = sentences_beside(__file__)
