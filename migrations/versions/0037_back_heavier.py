"""Contracts whose loads came back heavier than they had arrived have received no less than nothing of them."""

from migrations import sentences_beside

revision, down_revision = "0037", "0036"
upgrade = sentences_beside(__file__)
