import re

from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Scope, Severity, rule

_LOCAL = re.compile(r"^(?:\.{0,2}/|~|[A-Za-z]:[\\/])")


@rule(
    "PA903",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("DEP-1",),
    scope=Scope.FILE,
    security_severity="7.5",
)
def trust_remote_code(events: Events) -> Iterator[Match]:
    """Loading a model or data set runs Python code that lies in somebody's repository on a hub.

    The code is whatever lies there at the moment of loading. Without a pinned revision it can change between two runs.

    Bad:

        from transformers import AutoModel

        model = AutoModel.from_pretrained("org/model", trust_remote_code=True)

    Good:

        from transformers import AutoModel

        model = AutoModel.from_pretrained("org/model")

    Fix: a model of the library's own classes; or read the code, and pin the commit that was read with `revision`.

    Not seen: organizations that are trusted on purpose. With a pinned revision it stays a warning, without one it is an
    error.

    Source: SSDF PW.4.
    """
    if events.is_test:
        return
    for event in events:
        if event.constant("trust_remote_code") is True or (event.detail.get("unsafe") is True and _is_hub(event)):
            pinned = _is_pinned(event)
            yield Match(
                event.at,
                f"`{event.short}` runs code from the hub" + ("" if pinned else ", in whatever version lies there"),
                severity=None if pinned else Severity.ERROR,
                fix="Pin a reviewed commit with revision=, or load a model that needs no code of its own.",
                symbol=event.function,
            )


def _is_hub(event: Event) -> bool:
    """Whether a hub call that always runs code of the repository gets a remote one."""
    if (
        "load_pretrained" not in event.roles
        or "repo_or_dir" not in event.arguments
        or event.constant("source") == "local"
    ):
        return False
    name = event.constant("repo_or_dir")
    return isinstance(name, str) and not _LOCAL.match(name) and "/" in name


def _is_pinned(event: Event) -> bool:
    revision = event.argument("revision") or event.argument("code_revision")
    name = event.constant("repo_or_dir")
    return (revision is not None and revision.constant is not None) or (isinstance(name, str) and ":" in name)
