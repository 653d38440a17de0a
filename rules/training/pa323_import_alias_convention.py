from pipeaudit.rule import Confidence, Events, Iterator, Match, Scope, Severity, rule

# What the libraries' own documentation writes; "" stands for the plain name, None for imports of parts only.
_CONVENTION: dict[str, str | None] = {
    "numpy": "np",
    "pandas": "pd",
    "matplotlib.pyplot": "plt",
    "tensorflow": "tf",
    "torch": "",
    "sklearn": None,
}


@rule(
    "PA323",
    Severity.NOTE,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("TIP-3",),
    tier="pack:smells",
    scope=Scope.FILE,
)
def import_alias_convention(events: Events) -> Iterator[Match]:
    """A data-science library is imported under another name than everybody uses for it.

    Readers know `np`, `pd`, `plt` and `tf` by sight, and examples can be pasted.

    Bad:

        import numpy

    Good:

        import numpy as np

    Fix: the usual alias; `torch` under its own name; from scikit-learn only the parts that are used.

    Not seen: names imported one by one, whose aliases are free.
    """
    for event in events.of("import"):
        if event.name not in _CONVENTION:
            continue
        usual, alias = _CONVENTION[event.name], str(event.detail.get("alias", ""))
        if usual is None:
            yield Match(
                event.at, f"`{event.name}` is imported whole", fix=f"Import its parts: from {event.name} import ..."
            )
        elif alias not in (usual, event.name if usual == "" else usual):
            written = f"import {event.name} as {usual}" if usual else f"import {event.name}"
            yield Match(
                event.at,
                f"`{event.name}` is imported as `{alias or event.name}`",
                fix=f"Write {written}.",
                symbol=event.function,
            )
