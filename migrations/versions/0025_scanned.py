"""What was scanned is kept also where it names a ticket, so that the auditor can hash a record again (W03)."""

from migrations import sentences_beside

revision, down_revision = "0025", "0024"
upgrade = sentences_beside(__file__)
