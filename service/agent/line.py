"""The line to the service: JSON in and out, problems with their words, and a network that may be gone."""

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

PATIENCE_S = 60


class Unreachable(Exception):
    """The service could not be reached, or somebody else answered in its place."""


class Problem(Exception):
    """The service refused."""

    def __init__(self, status: int, body: Mapping[str, Any], retry_after_s: float | None = None) -> None:
        self.status = status
        self.code = str(body.get("code", "unexpected"))
        self.title = str(body.get("title", f"HTTP {status}"))
        self.title_en = str(body.get("title_en", f"HTTP {status}"))
        self.retry_after_s = retry_after_s
        super().__init__(f"{self.title} / {self.title_en}")


class Line:
    """The service at an address."""

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(server)
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path.rstrip("/")

    def get(self, path: str, token: str) -> Any:
        """Read something."""
        return self._ask("GET", path, None, {"Authorization": f"Bearer {token}"})

    def post(self, path: str, body: object, token: str) -> Any:
        """Send JSON."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return self._ask("POST", path, json.dumps(body, ensure_ascii=False).encode(), headers)

    def token(self, **form: str) -> str:
        """Sign in."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return str(self._ask("POST", "/v1/token", urlencode(form).encode(), headers)["access_token"])

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Any:
        connection = self._kind(self._host, self._port, timeout=PATIENCE_S)
        try:
            connection.request(method, self._path + path, body, {"Accept": "application/json", **headers})
            answer = connection.getresponse()
            raw = answer.read()
            said = json.loads(raw) if raw else None
        except (OSError, HTTPException, ValueError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        finally:
            connection.close()
        if answer.status >= 400:
            wait = answer.getheader("Retry-After", "")
            raise Problem(
                answer.status, said if isinstance(said, dict) else {}, float(wait) if wait.isdigit() else None
            )
        return said
