"""Delimited text: its delimiter, the lines before its header, its header rows."""

import csv
import gzip
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, RawIOBase, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import TextIO, cast

import pandas as pd

from cli.candle_files.numeric import to_number
from cli.candle_files.table import Label, Table, invalid_file
from cli.candle_files.thousands import (
    WITH_COMMA,
    plain_number,
    separates_thousands,
    without_separators,
)

DELIMITERS = "\t;|,"
"""In this order when two fit equally well: a decimal comma must not pass for a delimiter."""
SAMPLE_LINES = 200
MAX_LINE_CHARACTERS = 65_536
MIN_COLUMNS = 5
"""Time, open, high, low, close."""
MIN_NUMBERS = 4
"""A row with this many numbers is data, with fewer it belongs to the header."""
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
OTHER_FORMATS = ("{", "[", "<!doctype", "<html", "<?xml")
EMPTY_CELLS = ["", "NaN", "nan", "null", "NULL", "None"]
NAMES = {"\t": "tab", ";": "semicolon", "|": "|", ",": "comma"}


@dataclass(frozen=True)
class TextLayout:
    """Columns in a row, lines before the header, and the rows of the header."""

    delimiter: str
    width: int
    preface: int
    header: list[list[str]]


def read_text(path: Path, start: bytes) -> Table:
    """Read delimited text, plain or compressed.

    Args:
        path: a regular file.
        start: its first bytes.

    Raises:
        InvalidParameter: it is not text, or has too few columns.
    """
    if not start:
        raise invalid_file(path, "the file is empty")
    try:
        with _opened(path, start) as file:
            lines = list(islice(iter(lambda: file.readline(MAX_LINE_CHARACTERS), ""), SAMPLE_LINES))
        layout = _find_layout(path, lines)
        with _opened(path, start) as file:
            skipped = layout.preface + len(layout.header)
            for _ in range(skipped):
                file.readline()
            frame = without_separators(_read_rows(file, layout))
    except (UnicodeError, EOFError, csv.Error, zlib.error, zipfile.BadZipFile) as e:
        raise invalid_file(path, f"neither Parquet, Feather nor readable text: {e}") from e
    except (OSError, ValueError, pd.errors.ParserWarning) as e:
        raise invalid_file(path, f"cannot read it: {e}") from e
    compressed = {GZIP: "gzipped ", ZIP: "zipped "}.get(start[: 2 if start[:2] == GZIP else 4], "")
    return Table(
        f"{compressed}CSV with {NAMES[layout.delimiter]}",
        _labels(layout) if layout.header else None,
        [frame[number] for number in frame.columns],
        layout.preface,
    )


@contextmanager
def _opened(path: Path, start: bytes) -> Iterator[TextIO]:
    if start.startswith(ZIP):
        with zipfile.ZipFile(path) as archive, archive.open(_member(path, archive)) as file:
            yield _decoded(BufferedReader(cast(RawIOBase, file)))
    elif start.startswith(GZIP):
        with gzip.GzipFile(path) as file:
            yield _decoded(BufferedReader(file))
    else:
        with path.open("rb") as file:
            yield _decoded(file)


def _decoded(file: BufferedReader) -> TextIO:
    encoding = "utf-16" if file.peek(2).startswith(UTF16) else "utf-8-sig"
    return TextIOWrapper(file, encoding, newline="")


def _member(path: Path, archive: zipfile.ZipFile) -> str:
    """The one file of an archive; macOS adds a folder of its own."""
    names = [
        name
        for name in archive.namelist()
        if not name.endswith("/") and not name.startswith("__MACOSX/")
    ]
    if "[Content_Types].xml" in names:
        raise invalid_file(path, "an Excel workbook; save the sheet as CSV")
    if len(names) != 1:
        shown = ", ".join(names[:5])
        raise invalid_file(path, f"{len(names)} files in the archive: {shown}", "one file")
    return names[0]


def _find_layout(path: Path, lines: list[str]) -> TextLayout:
    text = "".join(lines)
    if "\0" in text:
        raise invalid_file(path, "neither Parquet, Feather nor text")
    if text.lstrip().lower().startswith(OTHER_FORMATS):
        raise invalid_file(path, "JSON, HTML or XML, not a table of text")
    best = max(DELIMITERS, key=lambda delimiter: _fit(lines, delimiter))
    rows = [_split(line, best) for line in lines]
    width, matching = _usual_width(rows)
    if not matching:
        raise invalid_file(path, f"no delimiter gives at least {MIN_COLUMNS} columns")
    preface = next(number for number, row in enumerate(rows) if len(row) == width)
    table = rows[preface:]
    if separates_thousands(field for row in table for field in row):
        table = [[plain_number(field) for field in row] for row in table]
    data = next((number for number, row in enumerate(table) if _is_data(row)), None)
    commas = [field for row in table[:data] for field in row if WITH_COMMA.fullmatch(field)]
    if commas:
        raise invalid_file(path, f"a number with a comma: {commas[0]!r}", "numbers like 1234.5")
    return TextLayout(best, width, preface, table[: 1 if data is None else data])


def _split(line: str, delimiter: str) -> list[str]:
    """Fields of a line; none for a blank line or a comment before the header."""
    fields = next(csv.reader([line.strip("\r\n")], delimiter=delimiter), [])
    return [field.strip() for field in fields]


def _usual_width(rows: list[list[str]]) -> tuple[int, int]:
    """The commonest number of columns that is enough, and how many rows have it."""
    widths = Counter(len(row) for row in rows if len(row) >= MIN_COLUMNS)
    return max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))


def _fit(lines: list[str], delimiter: str) -> int:
    return _usual_width([_split(line, delimiter) for line in lines])[1]


def _is_data(row: list[str]) -> bool:
    return sum(to_number(field) is not None for field in row) >= MIN_NUMBERS


def _labels(layout: TextLayout) -> list[Label]:
    """Columns of the header rows; a row that is too short has no text for the last columns."""
    padded = [row + [""] * (layout.width - len(row)) for row in layout.header if any(row)]
    return [
        tuple(row[column].lstrip("#").strip() for row in padded) for column in range(layout.width)
    ]


def _read_rows(file: TextIO, layout: TextLayout) -> pd.DataFrame:
    with warnings.catch_warnings():
        # pandas only warns of fields that it drops from a first row that is too long.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(
            file,
            sep=layout.delimiter,
            header=None,
            names=list(range(layout.width)),
            index_col=False,
            dtype=str,
            keep_default_na=False,
            na_values=EMPTY_CELLS,
            comment="#",
            skipinitialspace=True,
        )
