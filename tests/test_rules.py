"""Every rule: what its fixtures mark is found and nothing else, and its page's examples behave as their titles say.

A mark stands on the line to be found (`# expect: PA201`), in a notebook in the cell's source. `# expect-below: PA512`
stands on the line above. The folder's `expect.txt` lists places of files that can't carry marks: `path:line`, or
`path:cell:line`. A folder with a `git.txt` is made a repository of its own; the file lists what git does not track. A
text of the form `(6000000 zeros)` stands for a file of that size. A new rule adds a folder here, and no code.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from pipeaudit import engine, resources, rulebook
from pipeaudit.model.choice import Choice
from pipeaudit.request import Request
from pipeaudit.rule import Rule, Scope
from tests.conftest import FIXTURES

BOOK = rulebook.load([resources.folder("rules")])
FILES = {p.stem.partition("_")[0].upper(): p for p in resources.folder("rules").rglob("pa*.py")}
EXAMPLE = re.compile(r"^(Bad|Good|And)(?:,? in ([^:\n]+))?:\n\n((?:    .*\n|\n)+)", re.MULTILINE)
ZEROS = re.compile(rb"\((\d+) zeros\)")
MARK = re.compile(r"expect(-below)?: ((?:PA\d{3}(?:, )?)+)")
Place = tuple[str, int | None, int]


def found(folder: Path, rule: Rule) -> list[Place]:
    """Where the rule alone finds something; notes on suppressions need the others, which they speak of."""
    choice = Choice(packs=("all",)) if rule.scope is Scope.NOTES else Choice(select=(rule.id,))
    request = Request(root=folder.resolve(), choice=choice, rule_folders=(resources.folder("rules"),))
    audit, failures = engine.audit(request)
    assert failures == ()
    places = [f.at for f in (*audit.findings, *audit.suppressed) if f.rule == rule.id]
    return sorted({(at.path, at.cell, at.line) for at in places}, key=str)


def as_repository(folder: Path) -> None:
    """Puts the files under git, all but those that its `git.txt` lists."""
    environment = {
        **os.environ,
        **dict.fromkeys(("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"), os.devnull),
        **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "Test"),
        **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "test@example.com"),
        **dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2024-06-15T12:00:00Z"),
    }
    list_of_untracked = folder / "git.txt"
    untracked = list_of_untracked.read_text().split() if list_of_untracked.exists() else []
    for path in folder.rglob("*"):
        if path.is_file() and (zeros := ZEROS.fullmatch(path.read_bytes().strip())):
            path.write_bytes(bytes(int(zeros[1])))
    removed = [["rm", "-q", "--cached", *untracked]] if untracked else []
    for words in (["init", "-q"], ["add", "."], *removed, ["commit", "-q", "-m", "All"]):
        subprocess.run(["git", *words], cwd=folder, env=environment, check=True)


def marked(folder: Path, rule: Rule) -> list[Place]:
    return sorted(
        {place for path in sorted(folder.rglob("*")) if path.is_file() for place in marks(folder, path, rule)}, key=str
    )


def marks(folder: Path, path: Path, rule: Rule) -> Iterator[Place]:
    name = path.relative_to(folder).as_posix()
    if name == "git.txt" or name.startswith(".git/"):
        return
    if name == "expect.txt":
        for line in path.read_text().splitlines():
            file, *numbers = line.split(":")
            yield file, int(numbers[0]) if len(numbers) > 1 else None, int(numbers[-1])
    elif path.suffix == ".ipynb":
        for index, cell in enumerate(json.loads(path.read_text())["cells"]):
            source = cell["source"]
            yield from ((name, index, line) for line in lines("".join(source), rule))
    else:
        yield from ((name, None, line) for line in lines(path.read_text(errors="replace"), rule))


def lines(text: str, rule: Rule) -> Iterator[int]:
    for number, line in enumerate(text.split("\n"), start=1):
        for below, codes in MARK.findall(line):
            if rule.id in codes.split(", "):
                yield number + 1 if below else number


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.id)
def test_finds_the_marked_lines_and_no_other(rule: Rule, tmp_path: Path) -> None:
    folder = FIXTURES / "rules" / FILES[rule.id].stem
    if (folder / "git.txt").exists():
        folder = Path(shutil.copytree(folder, tmp_path / folder.name))
        as_repository(folder)
    expected = marked(folder, rule)
    assert expected, f"{folder.name} marks nothing"
    assert found(folder, rule) == expected


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.id)
def test_examples_of_the_page_behave_as_titled(rule: Rule, tmp_path: Path) -> None:
    folders: dict[Path, str] = {}
    for number, (title, name, text) in enumerate(EXAMPLE.findall(rule.doc + "\n")):
        if title != "And":  # a further file of the example before it
            folders[tmp_path / f"{title}{number}"] = title
        file = list(folders)[-1] / (name or "example.py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text))
    assert set(folders.values()) == {"Bad", "Good"}
    for folder, title in folders.items():
        as_repository(folder)
        assert bool(found(folder, rule)) == (title == "Bad"), f"example {folder.name}"


@pytest.mark.parametrize("path", FILES.values(), ids=lambda path: path.stem)
def test_a_rule_file_imports_the_rule_language_and_the_standard_library_only(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
    ours = {name for name in imported if name.partition(".")[0] not in __import__("sys").stdlib_module_names}
    assert ours <= {"pipeaudit.rule"}


def test_the_table_of_rules_is_the_rules_own(request: pytest.FixtureRequest) -> None:
    from pipeaudit.report.rules import markdown_table

    table = markdown_table(BOOK.chosen(Choice()).infos())
    readme = resources.folder("rules") / "README.md"
    assert table in readme.read_text(), "write it anew: make table"
