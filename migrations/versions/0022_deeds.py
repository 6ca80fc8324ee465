"""What people did to loads is told among what scales say (W04, W10, W11)."""

from migrations import sentences_beside

revision, down_revision = "0022", "0021"
upgrade = sentences_beside(__file__)
