"""What earlier runs found out, by content: plain bytes in one packed file, which is safe to load whoever wrote it.

A pack is a header, the index (sorted keys with the place and check sum of each entry) and the entries. Finding an
entry is a binary search in the index's bytes, so that a pack of many thousands costs no more to open than an empty one.
A pack is written whole beside the old one and moved into its place: runs at the same time never see half a pack. Any
defect is a miss.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from contextlib import suppress

from pipeaudit.cache_folder import is_ours

_MAGIC = b"pipeaudit-pack-1\n"
_HEADER = struct.Struct("<QI")  # entries, check sum of the index
_ENTRY = struct.Struct("<32sQII")  # key, offset, length, check sum
_KEY = 32
_MOST_BYTES = 256 * 1024 * 1024
_LARGEST_ENTRY = 64 * 1024 * 1024


def key(*parts: str | bytes) -> bytes:
    """A key for whatever depends on exactly these parts; parts can't run into each other."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.digest()


def _normal(name: bytes | str) -> bytes:
    """A key as `key` makes it; other names, which hold their own digest, are turned into one."""
    return name if isinstance(name, bytes) else key(name)


class Cache:
    """One pack. `name` tells packs apart (an audited root has its own), `folder` None means nothing is kept."""

    def __init__(self, folder: str | None, name: str) -> None:
        self._path = os.path.join(folder, f"{name}.pack") if folder else ""
        self._new: dict[bytes, bytes] = {}
        self._used: set[bytes] = set()
        self._file = -1
        self._index = b""
        if folder and is_ours(folder):
            self._open()

    def _open(self) -> None:
        try:
            self._file = os.open(self._path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
            size = os.fstat(self._file).st_size
            head = _read(self._file, len(_MAGIC) + _HEADER.size, 0)
            count, check = _HEADER.unpack(head[len(_MAGIC) :])
            if head.startswith(_MAGIC) and count * _ENTRY.size < size <= 2 * _MOST_BYTES:
                index = _read(self._file, count * _ENTRY.size, len(head))
                if zlib.crc32(index) == check:
                    self._index = index
        except (OSError, struct.error):
            return  # no pack yet, or a broken one: every look-up misses

    def __len__(self) -> int:
        return len(self._index) // _ENTRY.size

    def get(self, name: bytes | str) -> bytes | None:
        key = _normal(name)
        if key in self._new:
            return self._new[key]
        found = self._find(key)
        if found is None:
            return None
        _, offset, length, check = found
        if length > _LARGEST_ENTRY:
            return None
        try:
            data = _read(self._file, length, offset)
            if zlib.crc32(data) != check:
                return None
            content = _unpacked(data)
        except (OSError, zlib.error):
            return None
        self._used.add(key)
        return content

    def put(self, name: bytes | str, value: bytes) -> None:
        if self._path:
            self._new[_normal(name)] = value

    def _find(self, key: bytes) -> tuple[bytes, int, int, int] | None:
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            at = middle * _ENTRY.size
            if self._index[at : at + _KEY] < key:
                low = middle + 1
            else:
                high = middle
        at = low * _ENTRY.size
        if self._index[at : at + _KEY] != key:
            return None
        found: tuple[bytes, int, int, int] = _ENTRY.unpack_from(self._index, at)
        return found

    def save(self) -> None:
        """Writes what is new; what this run used stays, the rest as far as there is room. A full disk costs no more."""
        if self._new:
            with suppress(OSError):
                self._write()
        self.close()

    def _write(self) -> None:
        packed = {key: _packed(value) for key, value in self._new.items()}
        room = _MOST_BYTES - sum(map(len, packed.values()))
        entries = [_ENTRY.unpack_from(self._index, at) for at in range(0, len(self._index), _ENTRY.size)]
        entries.sort(key=lambda entry: (entry[0] not in self._used, entry[0]))
        for key, offset, length, check in entries:
            if key in packed or length > room:
                continue
            data = _read(self._file, length, offset)
            if zlib.crc32(data) == check:
                packed[key] = data
                room -= length
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        temporary = f"{self._path}.{os.getpid()}.{os.urandom(4).hex()}"
        try:
            with open(temporary, "xb", opener=_private) as file:
                offset = len(_MAGIC) + _HEADER.size + len(packed) * _ENTRY.size
                index = bytearray()
                for key in sorted(packed):
                    index += _ENTRY.pack(key, offset, len(packed[key]), zlib.crc32(packed[key]))
                    offset += len(packed[key])
                file.write(_MAGIC + _HEADER.pack(len(packed), zlib.crc32(index)) + index)
                for key in sorted(packed):
                    file.write(packed[key])
            os.replace(temporary, self._path)
        except OSError:
            with suppress(OSError):
                os.unlink(temporary)
            raise

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._index = b""


def _packed(value: bytes) -> bytes:
    smaller = zlib.compress(value, 1) if len(value) > 512 else value
    return b"z" + smaller if len(smaller) < len(value) else b"-" + value


def _unpacked(data: bytes) -> bytes | None:
    if data[:1] == b"-":
        return data[1:]
    if data[:1] != b"z":
        return None
    inflater = zlib.decompressobj()
    content = inflater.decompress(data[1:], _LARGEST_ENTRY)
    return content if inflater.eof else None


def _read(file: int, length: int, offset: int) -> bytes:
    data = os.pread(file, length, offset) if hasattr(os, "pread") else _seek_and_read(file, length, offset)
    if len(data) != length:
        raise OSError("the pack is shorter than it says")
    return data


def _seek_and_read(file: int, length: int, offset: int) -> bytes:
    os.lseek(file, offset, os.SEEK_SET)
    return os.read(file, length)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
