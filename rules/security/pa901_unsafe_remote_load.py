import re

from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    Match,
    Related,
    Scope,
    Severity,
    is_from_request,
    rule,
)

_URL = re.compile(r"(?:https?|ftp)://")
_CHECKS = re.compile(r"sha256|sha512|md5|blake2|hexdigest|checksum|verify|signature|hmac", re.IGNORECASE)


@rule(
    "PA901",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("DEP-1",),
    tier="core",
    scope=Scope.FILE,
    security_severity="9.0",
)
def unsafe_remote_load(events: Events) -> Iterator[Match]:
    """Something that was downloaded or sent in is unpickled.

    Unpickling runs code that the file names. Whoever controls the server, the connection or the request runs commands
    on this machine.

    Bad:

        import pickle
        import requests

        model = pickle.loads(requests.get("https://models.acme.io/churn.pkl", timeout=10).content)

    Good:

        import requests
        from safetensors.torch import load

        weights = load(requests.get("https://models.acme.io/churn.safetensors", timeout=10).content)

    Fix: a format that holds no code (safetensors, ONNX, skops), or compare a hash before loading.

    Not seen: files that another program downloaded. Files of the project's own pipeline are told by
    `unsafe-model-format`; a hash or signature that is checked before counts.

    Source: EU AI Act, Article 15(5); SSDF PW.5.
    """
    if events.any_named(_CHECKS):
        return
    for event in events.where(effects=("unsafe",)):
        if event.detail.get("unsafe") is not True or not ("load_model" in event.roles or "read" in event.roles):
            continue
        source = _source(events, event)
        if source is not None:
            text, at = source
            yield Match(
                event.at,
                f"`{event.short}` runs code of {text}",
                confidence=Confidence.HIGH,
                related=(Related(at.at, "it comes from here"),) if at is not event else (),
                fix="Use a format without code, or check a hash first.",
                symbol=event.function,
            )


def _source(events: Events, event: Event) -> tuple[str, Event] | None:
    """Where the loaded bytes come from, if from outside: a request, an address, a download of this program."""
    path = event.detail.get("path")
    if isinstance(path, str) and _URL.match(path):
        return "what the address gives", event
    for value in event.arguments.values():
        if is_from_request(events, None, value) or any("request" in t.lower() and "files" in t for t in value.types):
            return "what a request sends", event
        for token in events.rows.origins(value.rows):
            rows = events.rows[token]
            made = events.with_id(rows.event)
            if (
                made is not None
                and {"download", "query"} & set(made.roles)
                and not made.name.startswith(("sqlite", "pandas"))
            ):
                return "what is downloaded", made
            if _URL.match(rows.source):
                return "what the address gives", made or event
        made = events.with_id(value.produced)
        if made is not None and "download" in made.roles:
            return "what is downloaded", made
    if isinstance(path, str) and path and "{}" not in path:
        for earlier in events.items[: event.id]:
            if "download" in earlier.roles and path in _targets(earlier):
                return "a file that is downloaded", earlier
    return None


def _targets(download: Event) -> set[object]:
    """The files that a download writes."""
    written = download.port("writes", "path")
    address = download.port("reads", "path")
    if written is None or not written.known or (address is not None and not _URL.match(str(address.constant))):
        return set()
    return {written.constant}
