"""The first sheet of an Excel book, read by a program of its own: this text is run as one, and needs nothing else of the service.

A book of two kilobytes can name two cells so far apart that the library asks for more memory than there is, and ends its process.
"""

import pickle
import resource
import subprocess
import sys
from datetime import date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path

if __name__ == "__main__":
    sys.path.append(sys.argv[1])  # the program starts without looking for packages, in a third of the time

import python_calamine

LIBRARIES = str(Path(python_calamine.__file__).parent.parent)
MOST_BYTES = 512 * 1024 * 1024
MOST_SECONDS = 20

Written = int | float | str | bool | time | date | datetime | timedelta


class BookNotReadable(Exception):
    """No Excel book, or one that takes more memory or time than any sheet of ours."""


def read_book(content: bytes, most_rows: int) -> list[list[Written]]:
    """The first rows of a book's first sheet; raises BookNotReadable."""
    program = [sys.executable, "-IS", __file__, LIBRARIES, str(most_rows)]
    done = subprocess.run(program, input=content, capture_output=True, check=False)
    if done.returncode:
        raise BookNotReadable
    rows: list[list[Written]] = pickle.loads(done.stdout)  # noqa: S301 - our own program
    return rows


def main(most_rows: int) -> None:
    """Read the book that is given, within bounds, and give its rows."""
    for what, most in (
        (resource.RLIMIT_AS, MOST_BYTES),
        (resource.RLIMIT_CPU, MOST_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    book = python_calamine.CalamineWorkbook.from_filelike(BytesIO(sys.stdin.buffer.read()))
    rows = book.get_sheet_by_index(0).to_python(skip_empty_area=False, nrows=most_rows)
    pickle.dump(rows, sys.stdout.buffer)


if __name__ == "__main__":
    main(int(sys.argv[2]))
