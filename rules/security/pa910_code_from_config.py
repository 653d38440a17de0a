import re

from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Handler,
    Iterator,
    Match,
    Scope,
    Severity,
    Snapshot,
    handlers,
    is_from_request,
    rule,
)

_OUTSIDE = re.compile(r"\b(?:request|cfg|config|conf|params|args|opt|options|settings|payload|body)\b", re.IGNORECASE)
_EVALUATORS = frozenset({"eval", "exec", "builtins.eval", "builtins.exec"})


@rule(
    "PA910",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=None,
    controls=("TRN-2",),
    tier="pack:security",
    kinds=("eval", "shell"),
    scope=Scope.FILE,
    security_severity="7.5",
)
def code_from_config(events: Events) -> Iterator[Match]:
    """Text from a configuration, the command line or a request is run as code or as a shell command.

    Whoever writes that text runs commands with the rights of the pipeline or the service.

    Bad:

        import yaml

        config = yaml.safe_load(open("params.yaml"))
        model = eval(config["model"])

    Good:

        import yaml
        from sklearn.linear_model import LogisticRegression, Ridge

        MODELS = {"logistic": LogisticRegression, "ridge": Ridge}
        config = yaml.safe_load(open("params.yaml"))
        model = MODELS[config["model"]]()

    Kinds: `eval` (`eval` and `exec`), `shell` (a command line that a request fills in).

    Fix: an allow-list, and argument lists instead of a shell.

    A text whose origin is not known is told with low confidence. Not seen: texts that pass through several functions.
    Hydra's `instantiate` on the repository's own configuration, and templates of an orchestrator, are meant to be used
    so.

    Source: SSDF PW.5.
    """
    serving = handlers(events)
    for event in events:
        if event.name in _EVALUATORS and event.arguments:
            text = next(iter(event.arguments.values()))
            if _is_literal(text):
                continue
            outside = _OUTSIDE.search(text.name) or _from_outside(events, text)
            yield Match(
                event.at,
                f"`{event.short}` runs `{text.name}` as code",
                kind="eval",
                confidence=Confidence.MEDIUM if outside else Confidence.LOW,
                severity=Severity.ERROR if _from_request(events, serving, text) else None,
                fix="Look the name up in a table of what is allowed.",
                symbol=event.function,
            )
    for handler in serving:
        for event in handler.items:
            command = event.argument("0") or event.argument("args") or event.argument("command")
            if command is None or not _is_shell(event) or _is_literal(command):
                continue
            yield Match(
                event.at,
                f"a request fills in the command line of `{event.short}`",
                kind="shell",
                confidence=Confidence.MEDIUM,
                severity=Severity.ERROR,
                fix="Pass a list of arguments, without a shell.",
                symbol=event.function,
            )


def _is_literal(text: Snapshot) -> bool:
    return isinstance(text.constant, str) and "{}" not in text.constant


def _from_outside(events: Events, text: Snapshot) -> bool:
    made = events.with_id(text.produced)
    read = made is not None and bool({"config_read", "config_load", "download"} & set(made.roles))
    return read or bool(text.option) or is_from_request(events, None, text)


def _from_request(events: Events, serving: list[Handler], text: Snapshot) -> bool:
    return is_from_request(events, None, text) or any(is_from_request(events, handler, text) for handler in serving)


def _is_shell(event: Event) -> bool:
    return event.name in ("os.system", "os.popen") or (
        event.name.startswith("subprocess.") and event.constant("shell") is True
    )
