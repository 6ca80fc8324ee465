"""A contract is told with the loads that were its own then, also those that another buyer has now (W10, E53)."""

from migrations import sentences_beside

revision, down_revision = "0029", "0028"
upgrade = sentences_beside(__file__)
