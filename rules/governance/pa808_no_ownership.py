import re

from pipeaudit.rule import Confidence, Iterator, Location, Match, Project, Severity, StageKind, is_test, rule

_OWNERS = (
    "code-owners",
    "catalog-owner",
    "stakeholder-section",
    "stakeholder-map-complete",
)
_CONTACT = re.compile(
    r"\b(maintain(?:er|ed)|contact|authors?|owner(?:ed|s)?|developed by|created by|team)\b|"
    r"copyright (?:\(c\)|©)? ?\d{4}|@[\w.-]+\.\w+|mailto:",
    re.IGNORECASE,
)


@rule(
    "PA808",
    Severity.NOTE,
    ceiling=Confidence.HIGH,
    stage=StageKind.OTHER,
    controls=("PRE-5", "TIP-3"),
    kinds=("unowned", "uncovered"),
)
def no_ownership(project: Project) -> Iterator[Match]:
    """Nobody is named who answers for the pipeline or the model.

    When it fails at night, or should be changed, there is nobody to ask.

    Kinds: `unowned` (no owner, contact or author anywhere), `uncovered` (CODEOWNERS covers none of the pipeline's
    code).

    Bad, in train.py:

        import joblib
        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        joblib.dump(LogisticRegression().fit(rows[["a"]], rows["b"]), "model.pkl")

    And in app.py:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")

        @app.post("/predict")
        def predict(rows: list[list[float]]):
            return model.predict(rows).tolist()

    Good, in train.py:

        import joblib
        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        joblib.dump(LogisticRegression().fit(rows[["a"]], rows["b"]), "model.pkl")

    And in app.py:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")

        @app.post("/predict")
        def predict(rows: list[list[float]]):
            return model.predict(rows).tolist()

    And in CODEOWNERS:

        * @example/retention-team

    Fix: add a CODEOWNERS file, or name a contact in the README.

    Not seen: owners that a platform keeps: attest PRE-5. Studies are not counted.

    Source: SE for ML practice 12; EU AI Act, Article 17(1)(m).
    """
    if project.profile not in ("full", "training", "service") or project.repository.prefix:
        return
    code = sorted({event.at.path for event in project.training} | {e.at.path for e in project.serving})
    if not code:
        return
    files = project.repository.glob("CODEOWNERS")
    if files:
        yield from _uncovered(project, files[0], code)
    elif not project.evidence(*_OWNERS) and not _names_somebody(project):
        yield Match(
            Location(code[0]),
            "no owner, author or contact of this pipeline is named anywhere",
            kind="unowned",
            confidence=Confidence.HIGH,
            fix="Add a CODEOWNERS file, or a contact to the README.",
        )


def _uncovered(project: Project, file: str, code: list[str]) -> Iterator[Match]:
    lines = [line.split() for line in project.repository.text(file).split("\n")]
    patterns = [words[0] for words in lines if len(words) > 1 and not words[0].startswith(("#", "["))]
    covered = set(project.repository.glob(*patterns)) if patterns else set()
    open_paths = [path for path in code if path not in covered]
    if len(open_paths) == len(code):
        shown = ", ".join(f"`{path}`" for path in open_paths[:5])
        yield Match(
            Location(file),
            f"no line covers the code that trains and serves: {shown}",
            kind="uncovered",
            confidence=Confidence.HIGH,
            fix="Add a line with the owners of these paths.",
        )


def _names_somebody(project: Project) -> bool:
    """Whether a README, a manifest or a definition names a person, a team or an address."""
    names = (
        "/README*",
        "pyproject.toml",
        "setup.py",
        "setup.cfg",
        "package.json",
        "/CITATION.cff",
        "/LICENSE*",
        "/AUTHORS*",
        "/MAINTAINERS*",
    )
    for path in project.repository.glob(*names):
        if not is_test(path) and _CONTACT.search(project.repository.text(path)):
            return True
    for event in project.events("pipeline", "stage"):
        owner = event.constant("owner")
        if isinstance(owner, str) and owner not in ("airflow", ""):
            return True
    return False
