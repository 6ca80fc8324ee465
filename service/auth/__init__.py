"""Who is asking: a bearer token or the pages' cookie, read into an Actor."""

from service.auth.doors import Door, may
from service.auth.people import People, csrf_token

__all__ = ["Door", "People", "csrf_token", "may"]
