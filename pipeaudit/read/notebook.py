"""Jupyter notebooks of every format version to cells; nothing is validated, executed or rendered.

Cells keep their index among all cells of the file. Of the outputs only bounded text stays, for rules that look for
secrets and personal data in it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from pipeaudit.limits import DEFAULT, Limits
from pipeaudit.model.finding import Problem
from pipeaudit.read.error import ReadError

_MOST_OUTPUT_OF_A_CELL = 64 * 1024
_MOST_OUTPUT_OF_A_FILE = 2 * 1024 * 1024
_MOST_REMEMBERED = 4096
_MOST_RUNS = 10**15
_LINE_END = re.compile(r"\r\n?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONFLICT = re.compile(rb"^(?:<{7}|>{7}) ", re.MULTILINE)
_KINDS = {"code": "code", "markdown": "markdown", "raw": "raw", "heading": "markdown", "html": "markdown"}
_PYTHON_KERNELS = frozenset(("pyolite", "xpython", "plaintext", "text"))  # a kernel that was not there left "plaintext"
_PICTURE = b'"image/png": "'
_SOURCE_KEYS = ("source", "input", "code", "text")


@dataclass(frozen=True, slots=True)
class Cell:
    """`kind` is code, markdown or raw; `language` is "" where it is the notebook's; `error`: a stored exception."""

    index: int
    kind: str
    source: str
    execution_count: int | None = None
    id: str = ""
    tags: tuple[str, ...] = ()
    language: str = ""
    output_texts: tuple[str, ...] = ()
    error: str = ""

    @property
    def lines(self) -> list[str]:
        return self.source.split("\n")


@dataclass(frozen=True, slots=True)
class Notebook:
    path: str
    cells: tuple[Cell, ...]
    language: str = "python"
    format: int = 4
    problems: tuple[Problem, ...] = ()

    @property
    def is_python(self) -> bool:
        return self.language == "python"

    @property
    def code_cells(self) -> list[Cell]:
        """Code cells in the notebook's own language."""
        return [cell for cell in self.cells if cell.kind == "code" and not cell.language]


_known: dict[str, tuple[bytes, Limits, Notebook]] = {}


def parse(path: str, data: bytes, limits: Limits = DEFAULT) -> Notebook:
    """The notebook's cells; what is odd about single cells is in its `problems`.

    Several steps read the same notebooks, and outputs make them long: those that were read last are remembered.
    """
    known = _known.get(path)
    if known is not None and known[0] == data and known[1] == limits:
        return known[2]
    if len(_known) >= _MOST_REMEMBERED:
        _known.clear()
    read = _parsed(path, data, limits)
    _known[path] = (data, limits, read)
    return read


def _parsed(path: str, data: bytes, limits: Limits) -> Notebook:
    if len(data) > limits.notebook_bytes:
        raise ReadError(path, 1, f"larger than {limits.notebook_bytes} bytes")
    content = _loaded(path, data)
    if not isinstance(content, dict):
        raise ReadError(path, 1, "not a notebook: its JSON is no object")
    found = _raw_cells(content)
    if found is None:
        raise ReadError(path, 1, "not a notebook: it has no list of cells")
    metadata = _mapping(content.get("metadata"))
    language = _language(metadata)
    version = content.get("nbformat")
    reader = _CellReader(path, language)
    cells = tuple(reader.cell(index, raw) for index, raw in enumerate(found))
    if sum(len(cell.source) for cell in cells if cell.kind == "code") > limits.notebook_code_bytes:
        raise ReadError(path, 1, f"holds more than {limits.notebook_code_bytes} bytes of code")
    return Notebook(path, cells, language, version if type(version) is int else 0, tuple(reader.problems))


def _loaded(path: str, data: bytes) -> Any:
    try:
        return json.loads(_without_pictures(data).decode())
    except (ValueError, RecursionError):  # the whole text tells better what is wrong, and where
        return _loaded_with_care(path, data)


def _without_pictures(data: bytes) -> bytes:
    """The same without the base64 text of PNG pictures: most of many notebooks, and nothing that is looked at."""
    parts = []
    kept = 0
    start = data.find(_PICTURE)
    while start >= 0:
        start += len(_PICTURE)
        end = data.find(b'"', start)
        if end < 0 or data.endswith(b"\\", start, end) or data.find(b"\n", start, end) >= 0:
            return data
        parts.append(data[kept:start])
        kept = end
        start = data.find(_PICTURE, end)
    parts.append(data[kept:])
    return b"".join(parts)


def _loaded_with_care(path: str, data: bytes) -> Any:
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return json.loads(data.decode(encoding), parse_int=_whole)
    except UnicodeDecodeError as error:
        raise ReadError(
            path, data.count(b"\n", 0, error.start) + 1, f"not {encoding.removesuffix('-sig')} text"
        ) from error
    except json.JSONDecodeError as error:
        conflict = _CONFLICT.search(data)
        if conflict:
            line = data.count(b"\n", 0, conflict.start()) + 1
            raise ReadError(path, line, "holds the marks of a merge conflict") from error
        is_cut = error.pos >= len(error.doc.rstrip()) - 1 or error.msg.startswith("Unterminated string")
        why = "ends in the middle" if is_cut else error.msg
        raise ReadError(path, error.lineno, f"not valid JSON: {why if data.strip() else 'is empty'}") from error
    except RecursionError as error:
        raise ReadError(path, 1, "not valid JSON: nests too deep") from error


def _whole(digits: str) -> int | float:
    """Python refuses whole numbers of thousands of digits; nothing here needs one."""
    return int(digits) if len(digits) <= 20 else 0


def _raw_cells(content: dict[str, Any]) -> list[Any] | None:
    cells = content.get("cells")
    if isinstance(cells, list):
        return cells
    worksheets = content.get("worksheets")
    if not isinstance(worksheets, list):
        return None
    return [cell for sheet in worksheets for cell in _list(_mapping(sheet).get("cells"))]


class _CellReader:
    """Reads one cell after the other and keeps count of the output text that was kept."""

    def __init__(self, path: str, language: str) -> None:
        self.path = path
        self.language = language
        self.problems: list[Problem] = []
        self.left = _MOST_OUTPUT_OF_A_FILE

    def cell(self, index: int, raw: Any) -> Cell:
        if not isinstance(raw, dict):
            self._note(index, "is no object")
            return Cell(index, "raw", "")
        kind = _KINDS.get(_text(raw.get("cell_type")), "raw")
        source = self._source(index, raw)
        metadata = _mapping(raw.get("metadata"))
        identifier = _text(raw.get("id")) or _text(metadata.get("id"))
        tags = tuple(tag for tag in _list(metadata.get("tags")) if isinstance(tag, str))
        if kind != "code":
            return Cell(index, kind, _heading(raw) + source, id=identifier, tags=tags)
        count = raw.get("execution_count", raw.get("prompt_number"))
        language = _name_of_language(_text(raw.get("language")))
        outputs = [output for output in _list(raw.get("outputs")) if isinstance(output, dict)]
        return Cell(
            index,
            kind,
            source,
            count if type(count) is int and abs(count) < _MOST_RUNS else None,
            identifier,
            tags,
            "" if language == self.language else language,
            self._output_texts(outputs),
            next((_text(o.get("ename")) for o in outputs if _text(o.get("ename"))), ""),
        )

    def _source(self, index: int, raw: dict[str, Any]) -> str:
        source = next((raw[key] for key in _SOURCE_KEYS if key in raw), "")
        if isinstance(source, list):
            if not all(isinstance(part, str) for part in source):
                self._note(index, "has a source that is not all text")
            source = "".join(part for part in source if isinstance(part, str))
        elif not isinstance(source, str):
            self._note(index, "has a source that is no text")
            return ""
        if "\r" in source:
            source = _LINE_END.sub("\n", source)
        return source if source.isascii() else _SURROGATE.sub("\ufffd", source)

    def _output_texts(self, outputs: list[dict[str, Any]]) -> tuple[str, ...]:
        texts: list[str] = []
        left = min(self.left, _MOST_OUTPUT_OF_A_CELL)
        for output in outputs:
            for value in _output_values(output):
                if left <= 0:
                    break
                text = _joined(value, left)
                if text:
                    texts.append(text if text.isascii() else _SURROGATE.sub("\ufffd", text))
                    left -= len(text)
                    self.left -= len(text)
        return tuple(texts)

    def _note(self, index: int, why: str) -> None:
        self.problems.append(Problem(self.path, 1, f"cell {index + 1} {why}"))


def _output_values(output: dict[str, Any]) -> list[Any]:
    """The textual forms of one output: stream text, text and HTML of a display, a traceback; never images."""
    data = _mapping(output.get("data"))
    shown = [data[key] for key in ("text/plain", "text/html", "text/markdown", "text/latex") if key in data]
    return [*shown, *(output[key] for key in ("text", "html", "traceback") if key in output)]


def _joined(value: Any, most: int) -> str:
    if isinstance(value, str):
        return value[:most]
    parts: list[str] = []
    for part in _list(value):
        if most <= 0:
            break
        if isinstance(part, str):
            parts.append(part[:most])
            most -= len(part)
    return "".join(parts)


def _heading(raw: dict[str, Any]) -> str:
    """Version 3 had cells that are headings; as Markdown they begin with their signs."""
    if raw.get("cell_type") != "heading":
        return ""
    level = raw.get("level")
    return "#" * (level if type(level) is int and 1 <= level <= 6 else 1) + " "


def _language(metadata: dict[str, Any]) -> str:
    kernel = _mapping(metadata.get("kernelspec"))
    candidates = (_mapping(metadata.get("language_info")).get("name"), kernel.get("language"), kernel.get("name"))
    return next((_name_of_language(name) for name in map(_text, candidates) if name), "python")


def _name_of_language(name: str) -> str:
    name = name.lower()
    if name.startswith(("python", "ipython", "pyspark", "conda", "env", "venv")) or name in _PYTHON_KERNELS:
        return "python"
    return {"ir": "r", "js": "javascript", "bash_kernel": "bash"}.get(name, name)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else _SURROGATE.sub("\ufffd", value)
