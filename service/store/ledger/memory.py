"""What a process remembers of the ledger's end: where the columns of accounts end, and of which log that is true."""

import asyncio
import hashlib
from collections import deque
from collections.abc import Iterable
from typing import Any

from service.domain.books import Ends
from service.store.ledger.heads import Head

MOST_ACCOUNTS = 50_000
LONGEST_TURN_SECONDS = 1.0  # as PostgreSQL waits before it looks for a circle
HEADS_KNOWN = 8  # more than batches are under way at once


class Memory:
    """The ends of plain books as the last batch of this process left them, whether that has committed yet or not.

    Never a truth of its own. A frontier is a hash over every row of the log, and the sentence that posts moves the head only from
    the frontier that its legs were reckoned from: after another process has written, or after a batch that came to nothing, the
    guess fails and the ends are read again. Whoever has touched an account since the memory began is in it, so that an account
    which is not may be read as it stands under any of the last heads.
    """

    def __init__(self) -> None:
        self.head: Head | None = None
        self.is_alone = False
        # Batches reach the database in the order in which they were reckoned.
        self._turn = asyncio.Lock()
        self.ends: dict[int, Ends] = {}
        self._heads: deque[bytes] = deque(maxlen=HEADS_KNOWN)

    async def has_turn(self) -> bool:
        """Wait for the turn, not for ever; who has it passes it on.

        Who has it may wait for the head, and who holds that for a document that the caller has locked: such a circle nobody sees
        here. Whoever then waits for the head as all others do has it seen, and broken, by the database.
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
        """Remember ends that were read without a lock: those of plain books, under a head that it has seen since it began.

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
        """Start from a batch that was reckoned under the head's lock; who found his own head there is alone, it seems."""
        self.is_alone = self.head is not None and self.head.frontier == before.frontier
        if not self.is_alone:
            self.forget()
        self.ends |= ends
        self.go_on(after)

    def doubt(self) -> None:
        """Somebody else has written: the next batch looks before it reckons."""
        self.is_alone = False

    def forget(self) -> None:
        """Know nothing of any account."""
        self.ends.clear()
        self._heads.clear()


def _digest(head: Head) -> bytes:
    return hashlib.sha256(head.frontier).digest()
