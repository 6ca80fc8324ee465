"""Papers that people attach, as files of the data folder: each is known by the hash of its bytes, and never changes."""

import asyncio
import os
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

from service.embedded.refusals import CannotRun


class Vault:
    """A folder of files named by their SHA-256."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, content: bytes) -> bytes:
        """Write a file, so that it is there whatever happens next; gives its hash.

        To be called before the transaction that names it commits: a file that nobody names does no harm. Raises CannotRun
        where the disk does not take it.
        """
        try:
            return await asyncio.to_thread(self._keep, content)
        except OSError as error:
            raise CannotRun(
                f"无法保存附件: {error}。请检查磁盘 (meisu doctor)。",
                f"An attached paper cannot be kept: {error}. Look at the disk (meisu doctor).",
            ) from error

    def path(self, digest: bytes) -> Path:
        """Where the file of a hash lies."""
        name = digest.hex()
        return self._folder / name[:2] / name

    def _keep(self, content: bytes) -> bytes:
        digest = sha256(content).digest()
        path = self.path(digest)
        if path.exists():
            return digest
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        _sync(path.parent)
        return digest


def _sync(folder: Path) -> None:
    """Let the folder remember the new name, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
