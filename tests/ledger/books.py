"""What the ledger's tests share: a cast of accounts, movements between them, and all rows as they stand."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.units import Kilograms

MORNING = datetime(2026, 3, 2, 8, 0, 0, 123456, tzinfo=UTC)


@dataclass(frozen=True)
class TestKey:
    """A signing key that lives as long as the test."""

    key_id: int = 7
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def sign(self, data: bytes) -> bytes:
        return self.private.sign(data)


KEY = TestKey()


def account(kind: AccountKind, number: int = 0) -> AccountKey:
    """One account of a kind."""
    return AccountKey(kind, owner_id=UUID(int=number), year=2026)


def movement(number: int, source: int, target: int, kg: int, *, act: int | None = None) -> Movement:
    """A movement whose id and act are its number, for tests that compare rows."""
    return Movement(
        id=UUID(int=number),
        act=UUID(int=number if act is None else act),
        source=source,
        target=target,
        kg=Kilograms(kg),
        occurred_at=MORNING,
        fact=number.to_bytes(32),
    )
