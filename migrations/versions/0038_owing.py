"""The head says how many quotas owe."""

from migrations import sentences_beside

revision, down_revision = "0038", "0037"
upgrade = sentences_beside(__file__)
