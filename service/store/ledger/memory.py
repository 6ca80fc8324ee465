"""A process's cache of the ledger's end: where the columns of accounts end, and for which head that is true."""

import asyncio
import hashlib
from collections import deque
from collections.abc import Iterable
from typing import Any

from service.domain.books import Ends
from service.store.ledger.heads import Head

MOST_ACCOUNTS = 50_000
LONGEST_TURN_SECONDS = 1.0  # as long as PostgreSQL waits before it looks for a deadlock
HEADS_KNOWN = 8  # more than the batches that run at a time


class Memory:
    """The ends of plain books as the last batch of this process left them, whether that has committed yet or not.

    A cache that is checked at each use. A frontier is a hash over every row of the log, and the statement that posts moves the head
    only from the frontier that its legs were computed from: after another process has written, or a batch was rolled back, the
    check fails and the ends are read again. Every account that was moved since the cache began is in it, so that an account which
    is not may be read as it stands under any of the last heads.
    """

    def __init__(self) -> None:
        self.head: Head | None = None
        self.is_alone = False
        # Batches reach the database in the order in which they were computed.
        self._turn = asyncio.Lock()
        self.ends: dict[int, Ends] = {}
        self._heads: deque[bytes] = deque(maxlen=HEADS_KNOWN)

    async def has_turn(self) -> bool:
        """Wait for the turn, LONGEST_TURN_SECONDS at most; whoever gets it calls `pass_on`.

        Whoever has the turn may wait for the head, and whoever holds that for a document that the caller has locked: no database
        sees this deadlock. A caller who gives up here waits for the head itself, where PostgreSQL detects the deadlock and ends it.
        """
        try:
            async with asyncio.timeout(LONGEST_TURN_SECONDS):
                return await self._turn.acquire()
        except TimeoutError:
            return False

    def pass_on(self) -> None:
        """Let the next one have its turn."""
        self._turn.release()

    def lacks(self, accounts: Iterable[int]) -> list[int]:
        """Those of the accounts whose ends are not remembered."""
        return [account for account in accounts if account not in self.ends]

    def fill(self, rows: Iterable[Iterable[Any]]) -> None:
        """Remember ends that were read without a lock: those of plain books, under one of the last heads.

        What a batch has moved meanwhile is newer, and stays.
        """
        for account, mark, is_boundary, ins, outs, is_loose, digest in rows:
            if digest in self._heads and not is_loose:
                self.ends.setdefault(account, Ends(mark, is_boundary, ins, outs))

    def go_on(self, head: Head) -> None:
        """The head that the next batch starts from, if this one commits."""
        if len(self.ends) > MOST_ACCOUNTS:
            self.forget()
        self.head = head
        self._heads.append(_digest(head))

    def learn(self, before: Head, after: Head, ends: dict[int, Ends]) -> None:
        """Start from a batch that was computed under the head's lock; if the head was our own, nobody else seems to write."""
        self.is_alone = self.head is not None and self.head.frontier == before.frontier
        if not self.is_alone:
            self.forget()
        self.ends |= ends
        self.go_on(after)

    def doubt(self) -> None:
        """Another process has written: the next batch locks the head and reads before it computes."""
        self.is_alone = False

    def forget(self) -> None:
        """Empty the cache."""
        self.ends.clear()
        self._heads.clear()


def _digest(head: Head) -> bytes:
    return hashlib.sha256(head.frontier).digest()
