"""What is promised of projects and declared stock is found by them, as a mine's is (O01)."""

from migrations import sentences_beside

revision, down_revision = "0018", "0015"
upgrade = sentences_beside(__file__)
