"""Applications, permitted uses of earmarks, cuts, successions of rights, and closed years."""

from migrations import sentences_beside

revision, down_revision = "0012", "0011"
upgrade = sentences_beside(__file__)
