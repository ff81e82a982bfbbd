"""A recording's bytes as numbered lines: plain, gzip or zip, told apart by their first bytes."""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol, cast

GZIP_MAGIC: Final = b"\x1f\x8b"
ZIP_MAGIC: Final = b"PK\x03\x04"
EMPTY_ZIP_MAGIC: Final = b"PK\x05\x06"
BOM: Final = b"\xef\xbb\xbf"
CHUNK: Final = 1 << 16
MAX_LINE: Final = 1 << 20
"""Bytes; a longer line is no line of any known format, and must not fill the memory."""

_ZIP_HEADER: Final = 30
_STORED: Final = 0
_DEFLATED: Final = 8
_BROKEN: Final = (EOFError, OSError, zlib.error, zipfile.BadZipFile)


class TapeError(ValueError):
    """A recording that cannot be used: one line with the file, the value, the rule and the cure."""


class BrokenEndError(Exception):
    """The file ends before its content does; every whole line before was given."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem


class _Chunked(Protocol):
    def read1(self, size: int, /) -> bytes: ...


def numbered_lines(path: Path, most_bytes: int | None = None) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers from 1, without line feed; None stands for a line longer than MAX_LINE.

    With `most_bytes`, stops after so many unpacked bytes and leaves out the line that is cut there.

    Raises:
        TapeError: The file cannot be opened, or is an archive of another shape.
        BrokenEndError: After the last whole line, where the rest cannot be read.
    """
    number, total, tail, too_long = 0, 0, b"", False
    try:
        for chunk in _chunks(path):
            parts = chunk.split(b"\n")
            parts[0] = tail + parts[0]
            tail = parts.pop()
            for part in parts:
                number += 1
                yield number, None if too_long else part.removeprefix(BOM) if number == 1 else part
                too_long = False
            too_long = too_long or len(tail) > MAX_LINE
            if too_long:
                tail = b""
            total += len(chunk)
            if most_bytes is not None and total >= most_bytes:
                return
    except _BROKEN as error:
        raise BrokenEndError(number + 1, f"the file ends early or is damaged here ({_why(error)})") from error
    if tail or too_long:
        yield number + 1, None if too_long else tail.removeprefix(BOM) if number == 0 else tail


def _why(error: BaseException) -> str:
    return ascii(str(error) or type(error).__name__)[1:-1]


def _chunks(path: Path) -> Iterator[bytes]:
    # Reading a pipe would block, and a second pass over it would find nothing.
    if path.exists() and not path.is_file():
        raise TapeError(f"{path}: is no regular file; name a recording")
    try:
        file = path.open("rb")
    except OSError as error:
        raise TapeError(f"{path}: cannot be read ({error.strerror}); name an existing recording") from error
    with file:
        magic = file.read(4)
        file.seek(0)
        if magic.startswith(GZIP_MAGIC):
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield from _read(unpacked)
        elif magic in {ZIP_MAGIC, EMPTY_ZIP_MAGIC}:
            yield from _unzip(path, file)
        else:
            yield from _read(file)


def _read(stream: _Chunked) -> Iterator[bytes]:
    # read1 hands over what is unpacked so far before it raises for what is missing; read would lose it.
    while chunk := stream.read1(CHUNK):
        yield chunk


def _unzip(path: Path, file: BinaryIO) -> Iterator[bytes]:
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile:
        # The directory stands at a zip's end: a cut file has none, yet its data can be read from the front.
        yield from _inflate_first_member(path, file)
        return
    with archive:
        members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
        if len(members) != 1:
            raise TapeError(f"{path}: the zip holds {len(members)} files; must hold one, as Binance's archives do")
        _refuse_unknown_packing(path, members[0].flag_bits, members[0].compress_type)
        with archive.open(members[0]) as member:
            yield from _read(cast("zipfile.ZipExtFile", member))


def _refuse_unknown_packing(path: Path, flags: int, method: int) -> None:
    if flags & 1 or method not in {_STORED, _DEFLATED}:
        raise TapeError(f"{path}: is encrypted or packed in a rare way; must be zipped with deflate, no password")


def _inflate_first_member(path: Path, file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    header = file.read(_ZIP_HEADER)
    if len(header) < _ZIP_HEADER:
        raise EOFError("the zip ends in its first header")
    flags, method = header[6], int.from_bytes(header[8:10], "little")
    _refuse_unknown_packing(path, flags, method)
    file.seek(_ZIP_HEADER + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"))
    if method == _STORED:
        # Without a directory nothing says where a stored member ends, so this is the last that can be told.
        left = int.from_bytes(header[18:22], "little")
        while left and (chunk := file.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk
    else:
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        while not unpacker.eof and (packed := unpacker.unconsumed_tail or file.read(CHUNK)):
            yield unpacker.decompress(packed, CHUNK)
    raise EOFError("the zip has no directory at its end")
