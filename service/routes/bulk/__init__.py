"""Filing many at once: from JSON, CSV or Excel, tried first, row by row, with only the faulty rows back (§10)."""

from service.routes.bulk.filing import router

__all__ = ["router"]
