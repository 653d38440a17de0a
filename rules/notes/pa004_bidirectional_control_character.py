from pipeaudit.rule import Confidence, Iterator, Location, Match, Project, Severity, rule

# Embeddings, overrides and isolates: what makes text read otherwise than it runs.
_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_CODE = (".py", ".pyi", ".ipynb", ".yaml", ".yml", ".toml", ".sh", ".sql", "Dockerfile", "Makefile")


@rule(
    "PA004",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=(),
)
def bidirectional_control_character(project: Project) -> Iterator[Match]:
    """A bidirectional control character makes code, a comment or a string read otherwise than it runs.

    An editor shows the text in another order than the interpreter sees it: what looks like a comment may be code.

    Bad:

        admin = False  # \u202e only reviewers \u2066

    Good:

        mark = "\\u202e"

    Fix: remove the character, or write it as an escape.

    Source: CVE-2021-42574.
    """
    for path in project.repository.paths:
        if not path.endswith(_CODE):
            continue
        if path.endswith(".ipynb"):
            for cell, source in project.repository.code_cells(path):
                yield from _found(path, cell, source)
        else:
            yield from _found(path, None, project.repository.text(path))


def _found(path: str, cell: int | None, text: str) -> Iterator[Match]:
    if text.isascii() or _CONTROLS.isdisjoint(text):
        return
    for number, line in enumerate(text.split("\n"), start=1):
        for column, character in enumerate(line, start=1):
            if character in _CONTROLS:
                at = Location(path, number, column, number, column + 1, cell)
                yield Match(at, f"the line holds U+{ord(character):04X}, which makes it read otherwise than it runs")
                break
