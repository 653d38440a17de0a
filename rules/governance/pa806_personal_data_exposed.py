import re

from pipeaudit.rule import Confidence, Event, Iterator, Location, Match, Project, Severity, identifiers, is_test, rule

_EMAIL = re.compile(
    r"\b[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,3}\.[A-Za-z]{2,24}\b"
)
_NOBODY = re.compile(
    r"@(?:example|test|sample|domain|email|mail|company|localhost|users\.noreply)\.|noreply|no-reply", re.IGNORECASE
)
_PAYLOAD = re.compile(r"\brequest\.(?:json|form|data|get_json|body|values)|\bawait request\.", re.IGNORECASE)
_FEWEST = 3


@rule(
    "PA806",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=None,
    controls=("COL-3", "MON-3"),
    kinds=("notebook-output", "log"),
)
def personal_data_exposed(project: Project) -> Iterator[Match]:
    """Data of persons stands in a committed notebook, or goes into a log.

    Everybody who can read the repository or the log can read it, and it stays in the history.

    Kinds: `notebook-output` (three different addresses or more in the outputs), `log` (a request or a row with
    identifiers is logged).

    Bad, in app.py:

        import logging

        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/predict", methods=["POST"])
        def predict():
            logging.info(request.json)
            return {}

    Good, in app.py:

        import logging

        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/predict", methods=["POST"])
        def predict():
            logging.info("request of %s rows", len(request.json))
            return {}

    Fix: clear the outputs (nbstripout); log an identifier of the request instead of its content.

    Not seen: names and addresses in prose. Examples (`example.com`), authors in metadata, and generated people are not
    counted; nothing that is found is shown.

    Source: GDPR, Article 5(1)(f).
    """
    for path in sorted(project.programs):
        if is_test(path):
            continue
        if path.endswith(".ipynb"):
            yield from _outputs(project, path)
        else:
            yield from _logs(project, path)


def _outputs(project: Project, path: str) -> Iterator[Match]:
    if any(name.partition(".")[0] in ("faker", "mimesis") for name in project.programs[path].imports):
        return
    notebook = project.repository.notebook(path)
    for cell in notebook.cells if notebook is not None else ():
        found = {
            mail.lower()
            for text in cell.output_texts
            if "@" in text
            for mail in _EMAIL.findall(text)
            if not _NOBODY.search(mail)
        }
        if len(found) >= _FEWEST:
            yield Match(
                Location(path, cell=cell.index),
                f"the output of this cell shows {len(found)} different e-mail addresses",
                kind="notebook-output",
                confidence=Confidence.MEDIUM,
                fix="Clear the output.",
            )


def _logs(project: Project, path: str) -> Iterator[Match]:
    seen = set()
    for event in project.programs[path].where(shorts=_LEVELS):
        if _is_log(event) and event.at not in seen:
            payload = next((v.name for v in event.arguments.values() if _is_whole_request(v.name)), "")
            columns = [c for v in event.arguments.values() for c in identifiers(v.columns or ())]
            if payload or columns:
                seen.add(event.at)
                what = f"`{columns[0]}`" if columns else "the whole request"
                yield Match(
                    event.at,
                    f"{what} is written to the log",
                    kind="log",
                    confidence=Confidence.MEDIUM,
                    fix="Log an identifier of the request instead.",
                    symbol=event.function,
                )


_LEVELS = ("debug", "info", "warning", "error", "exception", "critical", "log")


def _is_log(event: Event) -> bool:
    return event.short in _LEVELS and (
        event.name.startswith(("logging.", "loguru.", "structlog."))
        or ".logger." in event.name
        or event.name.startswith("?")
    )


def _is_whole_request(text: str) -> bool:
    return bool(_PAYLOAD.search(text)) and "len(" not in text and "keys(" not in text
