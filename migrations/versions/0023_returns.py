"""Which rows of a pool's excess count what came back by the road as gone, and which do not."""

from migrations import sentences_beside

revision, down_revision = "0023", "0022"
upgrade = sentences_beside(__file__)
