"""What projects and stocks promise is found by them (O01), carriers are registered (R04), suspected papers are held (E57)."""

from migrations import sentences_beside

revision, down_revision = "0018", "0017"
upgrade = sentences_beside(__file__)
