import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from itertools import accumulate

from pipeaudit.rule import (
    KEY_FORMS,
    KEY_MARKS,
    PROVIDER_KEY,
    Confidence,
    Iterator,
    Location,
    Match,
    Project,
    Repository,
    Scope,
    Severity,
    is_test,
    rule,
)

_BEFORE_MARK = 40  # how far before a mark what it belongs to may begin
# What a telling name ends with, after what may go before it; `_?`: written with an underscore or without.
_WORDS = """password passwd passphrase secret secret_?key secret_?access_?key access_?key account_?key api_?key
    auth_?token access_?token token client_?secret private_?key sas_?token connection_?string""".split()
_TELLING = rf"(?:[A-Za-z0-9]+[_.-]){{0,5}}(?:{'|'.join(_WORDS)})"
# The ends of all these, without those that end like another: looking for plain words is many times quicker.
_WRITTEN = {joint.join(word.split("_?")[-2:]) for word in _WORDS for joint in ("", "_")}
_ENDS = sorted(end for end in _WRITTEN if not any(end != other and end.endswith(other) for other in _WRITTEN))
_NAMED = re.compile(
    rf"(?<![A-Za-z0-9_])[\"']?(?P<name>{_TELLING})[\"']?\]?\s{{0,4}}(?::\s{{0,4}}str\s{{0,4}})?[=:]\s{{0,4}}[rbu]?"
    r"[\"'](?P<value>[^\"'\n]{6,300})[\"']",
    re.IGNORECASE,
)
_PLAIN = re.compile(
    rf"^\s*(?:-\s*|export\s+|ENV\s+|ARG\s+)?[\"']?(?P<name>{_TELLING})[\"']?(?:\s*[=:]\s*|[ \t]+(?=\S+$))"
    r"[\"']?(?P<value>[^\s\"'#]{4,300})[\"']?\s*(?:#.*)?$",
    re.IGNORECASE | re.MULTILINE,
)
_PAIR = re.compile(
    rf"name:\s*[\"']?(?P<name>{_TELLING})[\"']?\s*\n\s*value:\s*[\"']?(?P<value>[^\s\"'#]{{4,300}})", re.IGNORECASE
)
_STORE = re.compile(r"^\s*key:\s*[^\s#]+\s*\n\s*(?P<name>secret):\s*[\"']?(?P<value>[^\s\"'#]{4,300})", re.MULTILINE)
_URI = re.compile(
    r"\b(?P<name>[a-z][a-z0-9+]{1,24})://(?P<user>[^\s/:@\"'<>{}$]{1,64}):(?P<value>[^\s/@\"'<>{}$]{4,128})@(?P<host>[\w.-]{3,128})",
    re.IGNORECASE,
)

_PLACEHOLDER = re.compile(
    r"x{3,}|\*{2,}|\.{3}|change.?(?:me|this)|example|your|dummy|fake|placeholder|todo|redacted|insert|sample|replace"
    r"|default|^(?:none|null|true|false|test\w{0,6}|password\d*|passw0rd|secret|token|key|admin|root|user|guest|postgres|mysql"
    r"|airflow|mlflow|minio|minioadmin|minio123|prefect|foo\w*|bar|string|str|qwerty|letmein|anonymous)$|12345|abcde|secret.?key"
    r"|my.?(?:secret|token|key|password)|<|>|\$|\{|\}|%\(|\[|\(",
    re.IGNORECASE,
)
# an address that shows where a password goes, and hosts that exist for documentation only
_SHOWN = re.compile(r"secret|passw|\bpwd\b", re.IGNORECASE)
_DOCUMENTATION = re.compile(r"(?:^|\.)example\.(?:com|org|net)$|\.(?:example|test|invalid)$", re.IGNORECASE)
_REFERENCE = re.compile(
    r"^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$|^(?:https?|s3|gs|file|arn|projects)[:/]|^[\w-]+(?:/[\w.-]+)+$|^(?:\.{0,2}/|~)"
)
_CODE = (".py", ".pyi", ".r", ".js", ".ts", ".scala", ".java", ".go")
_SETTINGS = (".env", ".ini", ".cfg", ".conf", ".properties", ".yaml", ".yml", ".toml", ".json", ".sh", ".tf", ".tfvars")
_QUOTING = (".tf", ".tfvars")  # settings whose words without quotes are expressions
_TEMPLATES = ("example", "sample", "template", "dist", "schema", "lock")
_LARGEST = 1_000_000


@rule(
    "PA905",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("PRE-3",),
    tier="core",
    scope=Scope.PROJECT,
    security_severity="8.0",
)
def hardcoded_credential(project: Project) -> Iterator[Match]:
    """A password, token or key is written into the repository.

    Whoever can read the repository, its history, an image built from it or a notebook's saved output can use it.
    Removing the line does not take it out of the history: it has to be revoked.

    Bad:

        import os
        import wandb

        os.environ["WANDB_API_KEY"] = "8f41bd0e22a94c7d16f03b9ea5c2d8470be6193f"
        wandb.init(project="churn")

    Good:

        import os
        import wandb

        wandb.login(key=os.environ["WANDB_API_KEY"])
        wandb.init(project="churn")

    Bad, in .dvc/config:

        ['remote "store"']
            url = s3://churn/store
            secret_access_key = q9Zt3LmX7cVb2KpR8wNd5HsYf4JgTu6E

    Fix: read it from the environment or a secret store, put `.dvc/config.local` out of git, and revoke the old one.

    Looked at: code, notebooks with their outputs, settings, environment files, Dockerfiles. Keys whose form a provider
    fixes are sure; a value under a telling name (`password`, `api_key`) is as sure as it looks random. Placeholders,
    references to variables, templates and test data are left out. The value is never shown.

    Not seen: credentials in binary files and in the history; dedicated scanners (gitleaks) know more formats.

    Source: NIST SP 800-218, PS.1 and PW.5.
    """
    for path in project.repository.paths:
        if not is_test(path) and _may_hold(path):
            yield from _in_file(project.repository, path)


def _may_hold(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    if "/fixtures/" in f"/{path}" or "node_modules/" in path:
        return False
    if any(word in name for word in _TEMPLATES) and not name.endswith((*_CODE, ".ipynb")):
        return False
    return (
        name.endswith((*_CODE, *_SETTINGS, ".ipynb"))
        or name.startswith((".env", "dockerfile"))
        or path == ".dvc/config"
    )


def _in_file(repository: Repository, path: str) -> Iterator[Match]:
    if path.endswith(".ipynb"):
        yield from _in_notebook(repository, path)
        return
    data = repository.data(path)
    if data is None or len(data) > _LARGEST:
        return
    forms = (_NAMED,) if path.lower().endswith((*_CODE, *_QUOTING)) else (_PLAIN, _PAIR, _STORE)
    text = data.decode("utf-8-sig", "replace")
    yield from _in_text(text, lambda offset: Location(path, text.count("\n", 0, offset) + 1), *forms)


def _in_notebook(repository: Repository, path: str) -> Iterator[Match]:
    """All cells as one text, which is looked through once."""
    notebook = repository.notebook(path)
    cells = [cell for cell in notebook.cells if cell.kind == "code"] if notebook is not None else []
    text = _BETWEEN.join(cell.source for cell in cells)
    starts = list(accumulate((len(cell.source) + len(_BETWEEN) for cell in cells), initial=0))

    def at(offset: int) -> Location:
        number = bisect_right(starts, offset) - 1
        return Location(path, text.count("\n", starts[number], offset) + 1, cell=cells[number].index)

    yield from _in_text(text, at, _NAMED)
    shown = [(cell, output) for cell in cells for output in cell.output_texts]
    if _may_show_token(_BETWEEN.join(output for _, output in shown)):
        for cell, output in shown:
            for _, what in _tokens(output):
                place = Location(path, 1, cell=cell.index)
                yield _match(place, f"the cell's output shows a {what}", Confidence.HIGH)


_BETWEEN = "\n\0\n"  # no pattern reaches over it


def _in_text(text: str, at: Callable[[int], Location], *forms: re.Pattern[str]) -> Iterator[Match]:
    places: set[tuple[int | None, int]] = set()
    for offset, what in _tokens(text):
        place = at(offset)
        places.add((place.cell, place.line))
        yield _match(place, f"a {what} is written here", Confidence.HIGH)
    for found in _near(_URI, text, "://"):
        place = at(found.start())
        if (
            (place.cell, place.line) not in places
            and _is_password(found["value"])
            and not _SHOWN.search(found["value"])
            and not _DOCUMENTATION.search(found["host"])
            and found["value"].lower() != found["user"].lower()
        ):
            places.add((place.cell, place.line))
            local = found["host"].startswith(("localhost", "127.", "0.")) or "." not in found["host"]
            sure = Confidence.MEDIUM if local else Confidence.HIGH
            yield _match(place, f"the {found['name']} address holds a password", sure)
    spans = _spans(text)
    for form in forms:
        for found in (found for start, end in spans for found in form.finditer(text, start, end)):
            place = at(found.start("value"))
            confidence = _confidence(found["name"], found["value"], form is not _NAMED)
            if (place.cell, place.line) not in places and confidence is not None:
                places.add((place.cell, place.line))
                yield _match(place, f"`{found['name']}` is set to a literal value", confidence)


def _spans(text: str) -> list[tuple[int, int]]:
    """The lines that may name a credential, each with the two after it; those that touch are one."""
    found: list[tuple[int, int]] = []
    for end in _name_ends(text.replace("İ", "i").lower()):  # the one letter that is longer in lower case
        start = text.rfind("\n", 0, end) + 1
        for _ in range(3):
            end = text.find("\n", end) + 1 or len(text)
        if found and start < found[-1][1]:
            start = found.pop()[0]
        found.append((start, end))
    return found


def _name_ends(lowered: str) -> list[int]:
    ends = {at + len(word) for word in _ENDS for at in _places(lowered, word)}
    return sorted(end for end in ends if not (lowered[end : end + 1].isalnum() or lowered[end : end + 1] == "_"))


def _match(at: Location, message: str, confidence: Confidence) -> Match:
    return Match(
        at, message, confidence=confidence, fix="Read it from the environment or a secret store, and revoke this one."
    )


def _may_show_token(text: str) -> bool:
    return any(mark in text for mark in KEY_MARKS)


def _tokens(text: str) -> Iterator[tuple[int, str]]:
    """Keys in a provider's own form."""
    for found in _near(PROVIDER_KEY, text, *KEY_MARKS):
        group = found.lastgroup or ""
        body = found[0] if group == "private" else found[0][4:]
        if group == "private" or (
            _entropy(body) > 3 and not re.search(r"example|x{4,}|\*{3,}|(.)\1{5,}", body, re.IGNORECASE)
        ):
            yield found.start(), KEY_FORMS[group][0]


def _near(pattern: re.Pattern[str], text: str, *marks: str) -> Iterator[re.Match[str]]:
    """What a pattern finds around plain marks, one of which stands in the first word of all that it fits."""
    end = 0
    for place in sorted(place for mark in marks for place in _places(text, mark)):
        start = place
        while start > max(end, place - _BEFORE_MARK) and (text[start - 1].isalnum() or text[start - 1] in "+-_"):
            start -= 1
        for at in range(start, place + 1) if place >= end else ():
            if found := pattern.match(text, at):
                end = found.end()
                yield found
                break


def _places(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def _confidence(name: str, value: str, in_settings: bool) -> Confidence | None:
    """How sure it is that a named value is a credential; None for placeholders, references and plain words."""
    if _PLACEHOLDER.search(value) or _REFERENCE.search(value) or name.lower().endswith(value.lower()):
        return None
    if _is_random(value):
        return Confidence.HIGH
    if "passw" in name.lower() or "passphrase" in name.lower():
        return Confidence.MEDIUM if _is_password(value) else None
    if in_settings and re.search(r"secret", name, re.IGNORECASE) and _is_password(value):
        return Confidence.MEDIUM
    return None


def _is_random(value: str) -> bool:
    """Whether a value looks drawn rather than written: long, of several kinds of characters, no spaces or words."""
    if len(value) < 16 or " " in value or not (any(c.isdigit() for c in value) and any(c.isalpha() for c in value)):
        return False
    parts = re.findall(r"[A-Za-z0-9]+", value)
    drawn = sum(len(part) for part in parts if any(c.isdigit() for c in part) and any(c.isalpha() for c in part))
    longest_word = max((len(word) for word in re.findall(r"[a-z]+|[A-Z]+", value)), default=0)
    return _entropy(value) >= 3.3 and drawn >= 0.6 * len(value) and longest_word <= 10


def _is_password(value: str) -> bool:
    """Whether somebody may have chosen it: no placeholder, and more than one word of letters."""
    if len(value) < 6 or _PLACEHOLDER.search(value) or _REFERENCE.search(value) or " " in value.strip():
        return False
    return any(not c.isalpha() for c in value)


def _entropy(value: str) -> float:
    """Bits for each character."""
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values()) if value else 0.0
