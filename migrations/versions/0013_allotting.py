"""Applications, permitted uses of earmarks, cuts, successions of rights, and closed years."""

from migrations import sentences_beside

revision, down_revision = "0013", "0012"
upgrade = sentences_beside(__file__)
