"""The stand-alone verifier as one file, for auditors who have an export and nothing of Meisu."""

from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import service
from service import verify

# What Python runs of the file.
MAIN = """\
import sys
from importlib.util import find_spec

if find_spec("cryptography") is None:
    sys.exit("请先安装: pip install cryptography\\nInstall this first: pip install cryptography")

from service.verify import __main__
"""


def write_verifier(path: Path) -> str:
    """Write what audits an export into a new file that Python runs; gives its SHA-256, the same for the same source."""
    root = Path(service.__file__).parent
    sources = [root / "__init__.py", *sorted(Path(verify.__file__).parent.glob("*.py"))]
    with ZipFile(path, "x") as archive:
        archive.writestr(ZipInfo("__main__.py"), MAIN)
        for source in sources:
            name = source.relative_to(root.parent).as_posix()
            archive.writestr(ZipInfo(name), source.read_bytes())
    return sha256(path.read_bytes()).hexdigest()
