import re

from pipeaudit.rule import Confidence, ConfigNode, Event, Iterator, Match, Project, Related, Severity, is_test, rule

_TUNING = ("train", "construct_model", "split", "search", "seed", "optimizer", "resample", "fit_transformer", "scale")
_PARAMS = re.compile(
    r"(^|/)(params|hparams|hyperparameters|parameters|config|settings)[^/]*\.(ya?ml|json|toml)$", re.IGNORECASE
)
_MENTIONS = "*.py *.ipynb *.yaml *.yml *.sh *.toml *.cfg *.R *.sql Makefile Snakefile MLproject".split()
_FEWEST_SIBLINGS = 2


@rule(
    "PA715",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=None,
    controls=("TRN-2", "TRN-3"),
    kinds=("conflict", "unused"),
)
def config_drift(project: Project) -> Iterator[Match]:
    """The configuration says one value and the code uses another, or says one that nothing reads.

    Somebody changes the number in the file, and nothing happens.

    Kinds: `conflict` (the code gives another value for the same name), `unused` (a note).

    Bad, in params.yaml:

        train: {n_estimators: 100, test_size: 0.2}

    And in train.py:

        import yaml
        from sklearn.datasets import load_iris
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.model_selection import train_test_split

        with open("params.yaml") as file:
            params = yaml.safe_load(file)["train"]
        X, y = load_iris(return_X_y=True)
        train, test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
        RandomForestClassifier(n_estimators=params["n_estimators"], random_state=0).fit(train, y_train)

    Good, in params.yaml:

        train: {n_estimators: 100, test_size: 0.2}

    And in train.py:

        import yaml
        from sklearn.datasets import load_iris
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.model_selection import train_test_split

        with open("params.yaml") as file:
            params = yaml.safe_load(file)["train"]
        X, y = load_iris(return_X_y=True)
        train, test, y_train, y_test = train_test_split(X, y, test_size=params["test_size"], random_state=0)
        RandomForestClassifier(n_estimators=params["n_estimators"], random_state=0).fit(train, y_train)

    Fix: keep each value in one place, and read it from there.

    Not seen: values under other names. Files that several environments overlay, groups that are handed on as a whole,
    and keys that any other file names are not counted.

    Source: Sculley et al. 2015, configuration debt.
    """
    conflicts = set()
    for path in sorted(project.programs):
        if not is_test(path):
            for match in _conflicts(project, path):
                if match.at not in conflicts:
                    conflicts.add(match.at)
                    yield match
    yield from _unused(project)


def _conflicts(project: Project, path: str) -> Iterator[Match]:
    reads = project.config_reads(path)
    for file in dict.fromkeys(read.file for read in reads):
        if not _PARAMS.search(file):
            continue
        keys = {read.key for read in reads if read.file == file}
        if ("*",) in keys:
            continue
        for event in project.programs[path].of(*_TUNING):
            for name, value in event.arguments.items():
                node = _only(project, file, name)
                if node is None or not value.known or isinstance(value.constant, bool):
                    continue
                if not isinstance(value.constant, int | float) or name in {key[-1] for key in keys}:
                    continue
                if (
                    node.number is not None
                    and float(value.constant) != float(node.number)
                    and _is_written(project, event, name)
                ):
                    yield Match(
                        event.at,
                        f"`{name}` is {value.constant} here and {node.raw} in `{file}`, which this program reads",
                        kind="conflict",
                        confidence=Confidence.MEDIUM,
                        related=(Related(node.at, "the other value"),),
                        fix="Read it from the file.",
                        symbol=event.function,
                    )


def _is_written(project: Project, event: Event, name: str) -> bool:
    """Whether the call writes the number itself: defaults, and names that hold it, may come from elsewhere."""
    lines = project.repository.text(event.at.path).split("\n") if event.at.cell is None else []
    call = "\n".join(lines[event.at.line - 1 : event.at.end_line or event.at.line])
    return bool(re.search(rf"\b{re.escape(name)}\s*=\s*[-+]?\d", call))


def _only(project: Project, file: str, name: str) -> ConfigNode | None:
    """The value of a key that occurs once in the file."""
    found = [value for document in project.repository.nodes(file) for key, value in document.pairs() if key.raw == name]
    return found[0] if len(found) == 1 and found[0].is_scalar else None


def _unused(project: Project) -> Iterator[Match]:
    """Keys that no code reads though it reads their neighbours, and whose name stands in no other file."""
    reads = [read for path in project.programs if not is_test(path) for read in project.config_reads(path)]
    files = {read.file for read in reads if _PARAMS.search(read.file)}
    for file in sorted(files):
        keys = {read.key for read in reads if read.file == file}
        for document in project.repository.nodes(file)[:1]:
            for parent, node in _groups(document, ()):
                named = [key for key, _ in node.entries if (*parent, key.raw) in keys]
                whole = (*parent, "*") in keys or len(named) < _FEWEST_SIBLINGS
                for key, value in () if whole else node.entries:
                    if (*parent, key.raw) not in keys and value.is_scalar and not _is_mentioned(project, file, key.raw):
                        yield Match(
                            key.at,
                            f"`{'.'.join((*parent, key.raw))}` is read by nothing",
                            kind="unused",
                            severity=Severity.NOTE,
                            confidence=Confidence.MEDIUM,
                            fix="Remove it, or read it.",
                        )


def _groups(node: ConfigNode, parent: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], ConfigNode]]:
    yield parent, node
    if len(parent) < 8:
        for key, value in node.entries:
            if value.is_mapping:
                yield from _groups(value, (*parent, key.raw))


def _is_mentioned(project: Project, file: str, name: str) -> bool:
    plain = name.encode("utf-8", "surrogatepass")
    pattern = re.compile(rb"\b%s\b" % re.escape(plain))
    for path in project.repository.glob(*_MENTIONS):
        data = project.repository.data(path) if path != file else None
        if data is not None and plain in data and pattern.search(data):
            return True
    return False
