"""The address on which the service will answer."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from service.embedded import CannotRun

WAITING = 2048


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Take the address before anything is started; raises CannotRun when it is not to be had."""
    with ExitStack() as stack:
        try:
            (family, kind, protocol, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            taken = stack.enter_context(socket.socket(family, kind, protocol))
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(address)
            taken.listen(WAITING)  # who comes while we start waits, and is not turned away
        except OSError as error:
            raise CannotRun(
                f"无法使用地址 {host}:{port}: {error}。请用 --port 指定另一端口 (make 用 PORT=…)。",
                f"The address {host}:{port} cannot be had: {error}. Name another port by --port (with make: PORT=…).",
            ) from error
        yield taken
