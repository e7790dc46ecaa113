"""How a journal's lines are written: JSON with a checksum, long records compressed."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

__all__ = [
    "KEEP_EDITS",
    "Line",
    "encode_line",
    "format_line",
    "number_line",
    "pack",
    "parse_line",
    "strip_old",
    "unpack",
]

Line = dict[str, Any]

_PACKED = 2**14
"""Records longer than this, in characters, are compressed."""
_MAX_RECORD = 2**30
KEEP_EDITS = 2000
"""How many saved edits keep their way back when a journal is written anew."""
_KEEP_BYTES = 32 * 2**20


def format_line(number: int, line: Line) -> bytes:
    """Return one line of the file: its number, its content and a checksum of both, as JSON."""
    return number_line(number, encode_line(line))


def encode_line(line: Line) -> bytes:
    """Return a line's content as JSON; TypeError or ValueError if it holds what JSON cannot."""
    record = line.get("record")
    if record is not None:
        text = json.dumps(record, separators=(",", ":"))
        if len(text) > _PACKED:
            line = {key: value for key, value in line.items() if key != "record"}
            line["packed"] = pack(text.encode())
    return json.dumps(line, separators=(",", ":")).encode()


def number_line(number: int, encoded: bytes) -> bytes:
    """Return one line of the file for what :func:`encode_line` returned."""
    body = b'{"n":%d,' % number + encoded[1:-1]
    return body + b',"crc":"%08x"}\n' % zlib.crc32(body)


def parse_line(raw: bytes) -> Line | None:
    """Return a line's content, None if it is damaged."""
    body, comma, check = raw.rpartition(b',"crc":"')
    if not comma or check != b'%08x"}' % zlib.crc32(body):
        return None
    try:
        line: Line = json.loads(body + b"}")
        int(line["n"])
        if "packed" in line:
            line["record"] = json.loads(unpack(line.pop("packed")))
    except (ValueError, KeyError, TypeError, zlib.error, RecursionError):
        return None
    return line


def pack(data: bytes) -> str:
    """Return bytes as compressed text."""
    return base64.b64encode(zlib.compress(data, 1)).decode("ascii")


def unpack(text: str) -> bytes:
    """Return the bytes that :func:`pack` made a text of; ValueError if it is cut short or too large."""
    unzip = zlib.decompressobj()
    # Bounded, so that a few forged bytes cannot fill the memory.
    data = unzip.decompress(base64.b64decode(text, validate=True), _MAX_RECORD)
    if not unzip.eof:
        raise ValueError("cut short")
    return data


def strip_old(entries: list[Line]) -> None:
    """Reduce old edits that are saved to their line in the log: who, when, what, but no way back."""
    saved = max((n for n, line in enumerate(entries) if line["action"] in ("save", "replaced")), default=-1)
    count = size = 0
    for number in range(len(entries) - 1, -1, -1):
        record = entries[number].get("record")
        if record is None:
            continue
        count += 1
        size += len(json.dumps(record))
        if number < saved and (count > KEEP_EDITS or size > _KEEP_BYTES):
            entries[number] = {key: value for key, value in entries[number].items() if key != "record"}
