"""Devices and their signatures, what stations are silent about, and what was said of a weighing later."""

from migrations import sentences_beside

revision, down_revision = "0008", "0007"
upgrade = sentences_beside(__file__)
