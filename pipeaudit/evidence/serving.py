"""Serving: endpoints that reach a model, batch jobs, tools; and what they log."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.evidence.calls import short
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.places import is_notebook, is_test
from pipeaudit.evidence.programs import load_events, predict_events, scoring_scripts, services, speaks_of_predictions
from pipeaudit.evidence.signal import signal
from pipeaudit.flow.events import Event
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.pipeline import StageKind


@signal("serving-endpoint")
def serving_endpoint(facts: Facts) -> Iterator[Evidence]:
    """Programs on a web framework, or scripts of a model server, that reach a prediction."""
    for service in facts.once(services):
        if is_notebook(service.path) or (service.is_page and not (service.predicts and service.loads)):
            continue
        if service.predicts or service.reached:
            yield Evidence(service.opens.at, f"`{short(service.opens.name)}` serves predictions")
            for event in service.predicts[:2]:
                yield Evidence(event.at, f"a request reaches `{short(event.name)}`", Strength.SUPPORTING)
            yield from _routes(facts, service.path)
    for at in facts.once(scoring_scripts):
        yield Evidence(at, "the entry script of a model server")
        for event in facts.once(predict_events):
            if event.at.path == at.path:
                yield Evidence(event.at, f"a request reaches `{short(event.name)}`")
    for service in facts.once(services):
        if not service.serves and service.unread and not is_notebook(service.path):
            for event in facts.project.programs[service.path]:
                if speaks_of_predictions(event):
                    what = f"a route calls `{service.unread}`, which could not be read"
                    yield Evidence(event.at, what, Strength.SUPPORTING)


def _routes(facts: Facts, path: str) -> Iterator[Evidence]:
    for event in facts.project.programs[path]:
        if event.name.endswith((".route", ".post", ".get", ".put", ".ingress", ".api")) and "decorates" in event.detail:
            route = str(event.constant("path", event.constant("0", "")))
            if not _ELSEWHERE.search(f"{route} {event.detail['decorates']}"):
                yield Evidence(event.at, f"route `{route}`" if route else f"`{short(event.name)}` makes a route")


_ELSEWHERE = re.compile(r"\b(?:register|login|logout|signup|auth|token|users?|password)\b", re.IGNORECASE)


def _framework(name: str) -> str:
    """What a page is made with: its class, or the package of a function."""
    return short(name) if short(name)[:1].isupper() else name.partition(".")[0]


@signal("web-app")
def web_app(facts: Facts) -> Iterator[Evidence]:
    """A web application without a known path to a prediction, or a page."""
    for service in facts.once(services):
        if not is_notebook(service.path) and _about_models(facts, service.path):
            yield Evidence(service.opens.at, f"a web application on `{_framework(service.opens.name)}`", Strength.WEAK)


def _about_models(facts: Facts, path: str) -> bool:
    """A page or app that sends inputs somewhere, or shows what a model made."""
    events = facts.project.programs[path]
    return any(
        re.search(r"predict|requests\.(?:post|get)|model|recommend|score|infer", f"{e.name} {e.function}")
        for e in events
    )


@signal("serving-notebook")
def serving_notebook(facts: Facts) -> Iterator[Evidence]:
    for service in facts.once(services):
        if is_notebook(service.path):
            yield Evidence(service.opens.at, "serving code in a notebook", Strength.WEAK)


_SCORING = re.compile(
    r"(?:^|[/_])(?:predict|inference|infer|score|scoring|batch_?score|batch_?predict|batch_?inference|forecast|"
    r"generate_predictions)",
    re.IGNORECASE,
)


@signal("batch-prediction")
def batch_prediction(facts: Facts) -> Iterator[Evidence]:
    """A stage or script that loads a model, predicts, and writes what it predicted."""
    yield from facts.evidence("batch-call")
    for path, events in sorted(facts.project.programs.items()):
        if is_notebook(path) or not _SCORING.search(path):
            continue
        if path in facts.calls.by_path and any(
            "predict" in e.roles or e.name in ("?.predict", "?.predict_proba") for e in events
        ):
            loads = [e for e in facts.once(load_events) if e.at.path in {x.at.path for x in events}]
            writes = [e for e in events if "write_data" in e.roles or facts.is_one("table-writing", e.name)]
            if loads and writes:
                yield Evidence(writes[0].at, "predictions are written in a batch")
    for node in facts.graph.stages(StageKind.DEPLOYMENT, StageKind.EVALUATION, StageKind.OTHER):
        for program in facts.graph.programs(node):
            if re.search(r"batch_?(?:predict|inference|scor)|inference", f"{node.name} {program.path}", re.IGNORECASE):
                yield Evidence(node.at, f"stage `{node.name}` predicts in a batch", Strength.STRONG)


@signal("prediction-cli")
def prediction_cli(facts: Facts) -> Iterator[Evidence]:
    """A command that loads a model and predicts on what its caller gives."""
    for path, events in sorted(facts.project.programs.items()):
        if is_notebook(path) or not _SCORING.search(path.rpartition("/")[2]) or path not in facts.calls.by_path:
            continue
        options = [
            e for e in events if re.search(r"ArgumentParser|click\.|typer\.|fire\.Fire|hydra\.main|docopt", e.name)
        ]
        predicts = [
            e for e in events if "predict" in e.roles or e.name in ("?.predict", "?.predict_proba", "?.generate")
        ]
        if options and predicts:
            yield Evidence(options[0].at, "a command predicts")


@signal("prediction-script")
def prediction_script(facts: Facts) -> Iterator[Evidence]:
    """A script that loads a model and predicts on something fixed."""
    for event in facts.once(predict_events):
        if _SCORING.search(event.at.path.rpartition("/")[2]) and not is_notebook(event.at.path):
            yield Evidence(event.at, "a script predicts", Strength.WEAK)
    for each in facts.evidence("serve-command"):
        yield Evidence(each.at, each.what, Strength.STRONG)


# What the service leaves in its logs


_LOGS_ERROR = re.compile(r"\.(?:error|exception|critical|warning)$")


@signal("errors-logged")
def errors_logged(facts: Facts) -> Iterator[Evidence]:
    """Errors in serving code that are logged, with the exception at hand."""
    served = facts.once(handled)
    for path in served:
        for event in served[path]:
            if facts.is_one("logging", event.name) and _LOGS_ERROR.search(event.name):
                yield Evidence(event.at, f"errors are logged with `{short(event.name)}`")


@signal("predictions-logged")
def predictions_logged(facts: Facts) -> Iterator[Evidence]:
    """Logged or stored predictions or requests."""
    yield from facts.evidence("predictions-captured")
    served = facts.once(handled)
    for path in served:
        for event in served[path]:
            words = " ".join(value.name for value in event.arguments.values()).lower() + " " + event.name.lower()
            if (
                facts.is_one("logging", event.name) or event.name.endswith((".insert_one", ".insert_many", ".insert"))
            ) and re.search(r"predict|result|output|request|data|score", words):
                yield Evidence(event.at, "predictions or requests are logged", Strength.SUPPORTING)


@signal("serving-logs")
def serving_logs(facts: Facts) -> Iterator[Evidence]:
    """Errors that a request runs into and that are passed on or told, in whatever way."""
    served = facts.once(handled)
    for path in served:
        for event in served[path]:
            if (
                "except" in event.roles
                and (event.detail.get("reraises") or event.detail.get("calls"))
                and event.function
            ):
                yield Evidence(event.at, "errors are passed on with their context", Strength.WEAK)


def handled(facts: Facts) -> dict[str, tuple[Event, ...]]:
    """What services run on a request, by program: no top-level code, and no configuration of logs."""
    found: dict[str, tuple[Event, ...]] = {}
    for service in facts.once(services):
        if is_notebook(service.path) or not (service.serves or service.unread):
            continue
        events = facts.project.programs[service.path]
        behind = tuple(e for path in service.reached for e in facts.calls.by_path.get(path, ()))
        found[service.path] = tuple(e for e in (*events, *behind) if e.function and not is_test(e.at.path))
    for at in facts.once(scoring_scripts):
        found[at.path] = tuple(e for e in facts.project.programs[at.path] if e.function)
    return found


@signal("access-log")
def access_log(facts: Facts) -> Iterator[Evidence]:
    for event in facts.calls.named("*TransLogger", "*.AccessLog*", "morgan.*", "*.AccessLogMiddleware"):
        yield Evidence(event.at, "requests are logged", Strength.WEAK)


_FEEDBACK_ROUTE = re.compile(
    r"feedback|rating|label|correct(?:ion)?|annotat|ground[_-]?truth|thumbs|report_?error", re.IGNORECASE
)


@signal("feedback-captured")
def feedback_captured(facts: Facts) -> Iterator[Evidence]:
    """Routes and functions of the service that take in labels or ratings; tools for feedback."""
    yield from facts.evidence("feedback-call")
    for service in facts.once(services):
        for event in facts.project.programs[service.path]:
            if "decorates" not in event.detail:
                continue
            route = str(event.constant("path", event.constant("0", "")))
            target = str(event.detail.get("decorates", ""))
            if _FEEDBACK_ROUTE.search(f"{route} {target}") and event.name.endswith((".route", ".post", ".put", ".get")):
                yield Evidence(event.at, f"route `{route or target}` takes in feedback")


@signal("training-on-request")
def training_on_request(facts: Facts) -> Iterator[Evidence]:
    """The service trains anew on a request."""
    for events in facts.once(handled).values():
        for event in events:
            if "train" in event.roles and not _is_command(event.function):
                yield Evidence(event.at, "a request trains anew", Strength.SUPPORTING)


def _is_command(function: str) -> bool:
    """A function that is there for people who start training, not for requests."""
    return bool(re.search(r"main|train|tune|evaluate|fit", function.rpartition(".")[2], re.IGNORECASE))


@signal("request-timing-logged")
def request_timing_logged(facts: Facts) -> Iterator[Evidence]:
    """The service measures how long a prediction takes."""
    for events in facts.once(handled).values():
        for event in events:
            if event.name in ("time.perf_counter", "time.time", "time.monotonic", "timeit.default_timer"):
                yield Evidence(event.at, "the service measures times", Strength.WEAK)
                break
