"""The audited files' bytes, each read once: analysis, digests and snippets all speak of the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from copy import copy
from pathlib import Path

from pipeaudit.discover import FileProblem, SourceFile, read_bytes
from pipeaudit.limits import DEFAULT, Limits
from pipeaudit.model.finding import Problem
from pipeaudit.read.error import ReadError

# Data, models, archives and media are named, never opened.
_OPAQUE = frozenset(
    """7z arrow avi avro bin bmp bz2 ckpt csv dat db dll doc docx dylib eot exe feather flac gguf gif gz h5 hdf5 ico jar
    jpeg jpg joblib jsonl lz4 mat mp3 mp4 msgpack npy npz onnx orc ogg otf parquet pb pdf pickle pkl png ppt pptx pt pth
    pyc pyd rar rds safetensors so sqlite sqlite3 svg tar tflite tfrecord tgz tif tiff tsv ttf wav webm webp whl woff
    woff2 xls xlsx xz zip zst""".split()
)
_RACY_NANOSECONDS = 2_000_000_000


def is_opaque(path: str) -> bool:
    """Whether a file is known by its name to hold no text that an audit reads."""
    return path.rpartition("/")[2].rpartition(".")[2].lower() in _OPAQUE


class Tree:
    """The discovered files by path. What can't be read raises ReadError from `data`, and stands once in `problems`."""

    def __init__(self, root: Path, files: Iterable[SourceFile], limits: Limits = DEFAULT) -> None:
        self.root = root
        self.limits = limits
        self.files = {file.path: file for file in files}
        self.paths = tuple(self.files)
        self._data: dict[str, bytes] = {}
        self._digests: dict[str, str] = {}
        self._unread: dict[str, str] = {}
        self._remembered: dict[str, list[object]] = {}

    def __contains__(self, path: str) -> bool:
        return path in self.files

    def part(self, paths: Collection[str]) -> Tree:
        """Some of the files, with what has been read of them."""
        part = copy(self)
        part.files = {path: file for path, file in self.files.items() if path in paths}
        part.paths = tuple(part.files)
        part._unread = {path: why for path, why in self._unread.items() if path in part.files}
        return part

    def data(self, path: str) -> bytes:
        known = self._data.get(path)
        if known is not None:
            return known
        if path in self._unread:
            raise ReadError(path, 1, self._unread[path])
        if path not in self.files:
            raise ReadError(path, 1, "is not a file of the audited tree")
        if is_opaque(path):
            raise ReadError(path, 1, "is data, which is never opened")
        try:
            data = read_bytes(self.root, path, self.limit(path))
        except FileProblem as error:
            self._unread[path] = str(error)
            raise ReadError(path, 1, str(error)) from error
        self._data[path] = data
        return data

    def limit(self, path: str) -> int:
        return self.limits.bytes_of(path)

    def digest(self, path: str) -> str:
        """The SHA-256 of a file's bytes; "" for what is not read."""
        if path not in self._digests:
            self._digests[path] = self._digest(path)
        return self._digests[path]

    def _digest(self, path: str) -> str:
        if is_opaque(path) or self.files[path].size > self.limit(path):
            return ""
        if path not in self._data and self._state(path) == self._remembered.get(path, [0])[:-1]:
            return str(self._remembered[path][-1])
        try:
            return hashlib.sha256(self.data(path)).hexdigest()
        except ReadError:
            return ""

    def _state(self, path: str) -> list[object]:
        file = self.files[path]
        return [file.size, *file.changed]

    def manifest(self) -> str:
        """The SHA-256 over the sorted `path NUL hash LF` lines of the files that are read."""
        total = hashlib.sha256()
        for path in sorted(self.files):
            if digest := self.digest(path):
                total.update(f"{path}\0{digest}\n".encode("utf-8", "surrogateescape"))
        return total.hexdigest()

    def names(self) -> str:
        """A digest over what is known of files without reading them; with the manifest it stands for the whole tree."""
        total = hashlib.sha256()
        for path, file in sorted(self.files.items()):
            total.update(f"{path}\0{file.size}\0{file.tracked}\n".encode("utf-8", "surrogateescape"))
        return total.hexdigest()

    def remember(self, known: bytes | None) -> None:
        """Takes over digests of an earlier run for files that have not changed since: same size, times and inode."""
        try:
            entries = json.loads(known) if known else {}
        except ValueError:
            return
        if isinstance(entries, dict):
            self._remembered = {path: entry for path, entry in entries.items() if _is_entry(entry)}

    def memory(self, now: int) -> bytes:
        """What `remember` takes, without files that changed a moment ago: they may change again unseen by the clock."""
        entries = {
            path: [*self._state(path), digest]
            for path, digest in self._digests.items()
            if digest and max(self.files[path].changed[:2]) < now - _RACY_NANOSECONDS
        }
        return json.dumps(entries).encode()

    def is_unread(self, path: str) -> bool:
        return path in self._unread

    @property
    def problems(self) -> list[Problem]:
        return [Problem(path, 1, why) for path, why in sorted(self._unread.items())]


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, list)
        and len(entry) == 5
        and all(isinstance(number, int) for number in entry[:4])
        and isinstance(entry[4], str)
        and len(entry[4]) == 64
    )
