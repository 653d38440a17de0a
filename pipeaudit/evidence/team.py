"""People: owners, reviews, declared environments and targets, handoffs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.prose import at_offset, says
from pipeaudit.evidence.signal import signal
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location

_TOOLS = (
    "ruff",
    "black",
    "isort",
    "flake8",
    "pylint",
    "mypy",
    "pyright",
    "bandit",
    "pytest",
    "coverage",
    "tox",
    "hatch",
    "nox",
)


@signal("quality-tools")
def quality_tools(facts: Facts) -> Iterator[Evidence]:
    """Configuration of linters, formatters and test runners."""
    for path in facts.paths:
        name = path.rpartition("/")[2]
        if (
            name
            in (".flake8", ".pylintrc", "ruff.toml", ".ruff.toml", "mypy.ini", ".isort.cfg", ".editorconfig", ".lintr")
            and "/" not in path
        ):
            yield Evidence(Location(path), f"`{name}` sets how code is checked", Strength.SUPPORTING)
        elif name == "pyproject.toml":
            for document in facts.nodes(path):
                for key, _ in document.items("tool"):
                    if key.raw in _TOOLS:
                        yield Evidence(key.at, f"`{key.raw}` is configured", Strength.SUPPORTING)
                        break


@signal("test-runner")
def test_runner(facts: Facts) -> Iterator[Evidence]:
    for path in facts.paths:
        if path.rpartition("/")[2] in ("tox.ini", "noxfile.py", "pytest.ini"):
            yield Evidence(Location(path), "a test runner is configured", Strength.SUPPORTING)
    for command in facts.commands:
        if command.source in ("make", "script") and re.search(r"\bpytest\b|\btox\b|\bunittest\b", command.text):
            yield Evidence(command.at, "a command runs the tests", Strength.SUPPORTING)


@signal("target-in-config")
def target_in_config(facts: Facts) -> Iterator[Evidence]:
    for path in facts.paths:
        if not path.lower().endswith((".yaml", ".yml", ".toml", ".json")) or path.startswith("."):
            continue
        if not re.search(r"param|conf|setting|schema|train|model", path.lower()):
            continue
        for document in facts.nodes(path):
            for key, value in document.pairs():
                if (
                    _TARGET_KEY.fullmatch(key.raw.lower())
                    and value.text
                    and not value.text.startswith(("$", "/", "http"))
                ):
                    yield Evidence(value.at, f"`{key.raw}: {value.text[:60]}` names the target", Strength.SUPPORTING)


_TARGET_KEY = re.compile(
    r"target(?:_col(?:umn)?|_variable|_feature|_name)?|label(?:_col(?:umn)?|_name)?|y_col(?:umn)?|"
    r"dependent_variable|outcome(?:_col(?:umn)?)?"
)


def bodies(
    facts: Facts, words: re.Pattern[str], what: str, strength: Strength = Strength.SUPPORTING
) -> Iterator[Evidence]:
    """The first place in each document where a section says something."""
    for document in facts.documents:
        for section in document.sections:
            found = words.search(section.body)
            if found and says(section, 8):
                yield Evidence(at_offset(section, found.start()), what, strength)
                break
