"""What is filed after both sides agree: amendments, frameworks, papers; ore of projects and declared stocks; groups."""

from migrations import sentences_beside

revision, down_revision = "0013", "0012"
upgrade = sentences_beside(__file__)
