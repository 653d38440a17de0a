"""Snakefiles to Python: rules and directives become calls, line by line, so that Python's parser and positions serve.

    rule train:                         _rule('train', _kind('rule'),
        input: "data.csv"                   input=_args("data.csv"
        output: model="model.pkl"           ), output=_args(model="model.pkl"
        run:                                ), run=_args(
            fit(input, output)              ))

Bodies of `run:` and of `onstart:` and the like are blanked: they run when the pipeline does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_RULE = re.compile(r"(\s*)(rule|checkpoint|module|subworkflow)(?:\s+([A-Za-z_]\w*))?\s*:\s*(?:#.*)?$")
_USE = re.compile(
    r"(\s*)use\s+rule\s+([\w*, ]{1,200}?)(?:\s+from\s+(\w+))?(?:\s+exclude\s+[\w, ]{1,200}?)?"
    r"(?:\s+as\s+([\w*]+))?(?:\s+(with)\s*:)?\s*(?:#.*)?$"
)
_SECTION = re.compile(r"(\s+)([a-z_]+)\s*:(?!=)(.*)$", re.DOTALL)
_SECTIONS = frozenset(
    """input output params log shell script run message threads resources conda benchmark wildcard_constraints priority
    version singularity container containerized envmodules notebook wrapper cwl template_engine group shadow cache
    name handover default_target retries localrule ensure meta_wrapper config prefix snakefile skip_validation
    replace_prefix workdir configfile""".split()
)
_DIRECTIVE = re.compile(
    r"(\s*)(configfile|include|workdir|pepfile|envvars|container|singularity|containerized)\s*:(.*)$", re.DOTALL
)
_SKIPPED = re.compile(
    r"\s*(ruleorder|localrules|wildcard_constraints|onstart|onsuccess|onerror|report|scattergather|pepschema|"
    r"resource_scopes|storage|conda|inputflags|outputflags|pathvars)\s*[\w ]*:"
)


def to_python(text: str) -> str:
    """The text as Python with the same lines."""
    return "\n".join(_Translator(text).lines())


@dataclass(slots=True)
class _Logical:
    """A logical line: its physical lines, and whether brackets or quotes joined them."""

    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def indent(self) -> int:
        first = self.lines[0]
        return len(first) - len(first.lstrip())

    @property
    def is_blank(self) -> bool:
        stripped = self.lines[0].strip()
        return not stripped or (stripped.startswith("#") and len(self.lines) == 1)


class _Translator:
    def __init__(self, text: str) -> None:
        self.logical = _logical_lines(text.replace("\t", "    ").split("\n"))
        self.out: list[str] = []
        self.position = 0

    def lines(self) -> list[str]:
        while self.position < len(self.logical):
            line = self.logical[self.position]
            self.position += 1
            first = line.lines[0]
            if line.is_blank:
                self.out += line.lines
            elif found := _RULE.match(first):
                name = found.group(3) or f"rule_{len(self.out) + 1}"
                self._block(
                    line,
                    f"{found.group(1)}_{'rule' if found.group(2) in ('rule', 'checkpoint') else 'module'}({name!r},",
                )
            elif found := _USE.match(first):
                self._use(line, found)
            elif _SKIPPED.match(first) and not _SECTION_LIKE.match(first):
                self._skip(line)
            elif found := _DIRECTIVE.match(line.text):
                self._directive(line, found)
            else:
                self.out += line.lines
        return self.out

    def _use(self, line: _Logical, found: re.Match[str]) -> None:
        indent, names, module, alias, has_body = found.groups()
        head = f"{indent}_use({names.strip()!r}, {module or ''!r}, {alias or ''!r}"
        if has_body:
            self._block(line, head + ",")
        else:
            self.out += [head + ")", *[""] * (len(line.lines) - 1)]

    def _block(self, head: _Logical, opening: str) -> None:
        """A rule and its sections, up to the next line that is not indented deeper."""
        self.out += [opening, *[""] * (len(head.lines) - 1)]
        last = len(self.out) - 1
        section_indent = -1
        is_open = is_code = False
        while self.position < len(self.logical):
            line = self.logical[self.position]
            if line.is_blank:
                self.position += 1
                self.out += [""] * len(line.lines)
                continue
            if line.indent <= head.indent:
                break
            self.position += 1
            found = _SECTION.match(line.text)
            at_section = (
                found is not None
                and found.group(2) in _SECTIONS
                and (section_indent < 0 or line.indent <= section_indent)
            )
            if at_section and found is not None:
                section_indent = line.indent
                is_code = found.group(2) == "run"
                rest = "" if is_code else found.group(3)
                made = f"{found.group(1)}{'), ' if is_open else ''}{found.group(2)}=_args({rest}"
                is_open = True
                self.out += made.split("\n")
                if is_code:
                    self.out += [""] * (len(line.lines) - len(made.split("\n")))
                last = len(self.out) - 1
            elif is_code or not is_open:
                self.out += [""] * len(line.lines)  # Python that runs later, or the rule's docstring
            else:
                self.out += line.lines
                last = len(self.out) - 1
        self.out[last] = _without_comment(self.out[last]) + ("))" if is_open else ")")

    def _directive(self, line: _Logical, found: re.Match[str]) -> None:
        start = len(self.out)
        self.out += f"{found.group(1)}_{found.group(2)}({found.group(3)}".split("\n")
        while self.position < len(self.logical):
            following = self.logical[self.position]
            if following.is_blank or following.indent <= line.indent:
                break
            self.position += 1
            self.out += following.lines
        last = max(n for n in range(start, len(self.out)) if self.out[n].strip() or n == start)
        self.out[last] = _without_comment(self.out[last]) + ")"

    def _skip(self, line: _Logical) -> None:
        self.out += [f"{' ' * line.indent}pass", *[""] * (len(line.lines) - 1)]
        while self.position < len(self.logical):
            following = self.logical[self.position]
            if not following.is_blank and following.indent <= line.indent:
                break
            self.position += 1
            self.out += [""] * len(following.lines)


_SECTION_LIKE = re.compile(r"\s*\w+\s*:\s*\w[\w.\[\], ]*\s*=[^=]")  # an annotated assignment of plain Python
_TOKEN = re.compile(r"\\.|'''|\"\"\"|'|\"|#|[\[\](){}]", re.DOTALL)


def _logical_lines(lines: list[str]) -> list[_Logical]:
    found: list[_Logical] = []
    depth, quote = 0, ""
    current = _Logical()
    for line in lines:
        current.lines.append(line)
        depth, quote, _ = _scan(line, depth, quote)
        if depth <= 0 and not quote and not line.endswith("\\"):
            found.append(current)
            current, depth = _Logical(), 0
    if current.lines:
        found.append(current)
    return found


def _scan(line: str, depth: int, quote: str) -> tuple[int, str, int]:
    """Open brackets and the open triple quote after a line, and where its comment begins."""
    comment = len(line)
    for token in _TOKEN.finditer(line):
        mark = token.group()
        if quote:
            if mark == quote:
                quote = ""
        elif mark == "#":
            comment = token.start()
            break
        elif mark in ("'", '"', "'''", '"""'):
            quote = mark
        elif mark in "([{":
            depth += 1
        elif mark in ")]}":
            depth -= 1
    return depth, quote if len(quote) == 3 else "", comment


def _without_comment(line: str) -> str:
    return line[: _scan(line, 0, "")[2]].rstrip()
