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
    StageKind,
    is_example,
    rule,
    trainings,
)

_URL = re.compile(r"^(?:https?|ftp)://", re.IGNORECASE)
_VERSIONED = re.compile(
    r"\b[0-9a-f]{40}\b|/v?\d+\.\d+|/releases/download/|zenodo\.org/record|doi\.org|/archive/|/tree/[0-9a-f]{7,}",
    re.IGNORECASE,
)
_CHECKS = re.compile(r"sha\d|md5|blake2|checksum|hexdigest|known_hash", re.IGNORECASE)


@rule(
    "PA103",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.COLLECTION,
    controls=("COL-4", "PRE-1"),
    scope=Scope.FILE,
)
def unverified_download(events: Events) -> Iterator[Match]:
    """A model is trained on data that is fetched from an address at each run, whatever lies there.

    The file can change or vanish. The next run trains on something else, and nobody can repeat this one.

    Bad:

        import pandas as pd
        from sklearn.linear_model import Ridge

        rows = pd.read_csv("https://data.acme.io/latest.csv")
        model = Ridge().fit(rows[["age"]], rows["price"])

    Good:

        import pandas as pd
        from sklearn.linear_model import Ridge

        rows = pd.read_csv("https://data.acme.io/releases/download/v1.2/rows.csv")
        model = Ridge().fit(rows[["age"]], rows["price"])

    Fix: `dvc import-url`, a pinned version, or a compared hash.

    Not seen: files that another program fetched. An address that names a version or a commit, and a program that
    compares hashes, are left alone.
    """
    if events.is_test or is_example(events.path) or events.any_named(_CHECKS):
        return
    fits = trainings(events)
    told: set[object] = set()
    for event in events.of("read", "download", "load_dataset"):
        address = next(
            (v.constant for v in event.arguments.values() if isinstance(v.constant, str) and _URL.match(v.constant)),
            None,
        )
        if not isinstance(address, str) or address in told or _VERSIONED.search(address):
            continue
        if _CHECKS.search(" ".join(event.arguments)) or {"md5", "known_hash"} & set(event.arguments):
            continue
        fit = next((fit.event for fit in fits if _feeds(events, event, fit.rows)), None)
        if fit is not None:
            told.add(address)
            yield Match(
                event.at,
                "the training data is fetched from an address whose content may change, and nothing checks it",
                confidence=Confidence.MEDIUM,
                related=(Related(fit.at, "trained on it"),),
                fix="Pin a version, or compare a hash.",
                symbol=event.function,
            )


def _feeds(events: Events, event: Event, rows: frozenset[int]) -> bool:
    """Whether the rows that a model is trained on come from what was fetched, directly or by its file."""
    target = event.port("writes", "path")
    written = target.constant if target is not None and target.known else None
    for token in events.rows.origins(rows):
        origin = events.rows[token]
        if origin.event == event.id or (written is not None and origin.source == written):
            return True
    return False
