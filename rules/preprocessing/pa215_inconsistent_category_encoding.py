from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Related, Scope, Severity, StageKind, judged, rule

_ALIGNS = frozenset({"reindex", "align", "reindex_like"})


@rule(
    "PA215",
    Severity.ERROR,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.PREPROCESSING,
    controls=("PRP-2", "TRB-2"),
    kinds=("unknown-category",),
    scope=Scope.FILE,
)
def inconsistent_category_encoding(events: Events) -> Iterator[Match]:
    """Categories get their codes or columns separately on training and on test rows.

    A category that one side lacks shifts the codes of all others, or the columns: the same value means something else
    to the model.

    Bad:

        import pandas as pd
        from sklearn.model_selection import train_test_split

        train, test = train_test_split(pd.read_csv("rows.csv"), random_state=0)
        train = pd.get_dummies(train)
        test = pd.get_dummies(test)

    Good:

        import pandas as pd
        from sklearn.model_selection import train_test_split
        from sklearn.preprocessing import OneHotEncoder

        train, test = train_test_split(pd.read_csv("rows.csv"), random_state=0)
        encoder = OneHotEncoder(handle_unknown="ignore").fit(train)
        train, test = encoder.transform(train), encoder.transform(test)

    Kind `unknown-category`: a fitted one-hot encoder that is saved and fails on a category it has not seen.

    Fix: one encoder, fitted on the training rows, with `handle_unknown`; or `reindex` to the training columns.

    Not seen: categories that are fixed by the type of a column.
    """
    if events.is_test:
        return
    aligned = {
        t
        for event in events
        if event.short in _ALIGNS
        for value in (event.receiver, event.result)
        if value
        for t in value.rows
    }
    encodings = [event for event in events if _encodes(event)]
    told: set[int] = set()
    for later in encodings:
        for earlier in encodings:
            if earlier.id >= later.id or later.id in told or earlier.name != later.name:
                continue
            one, two = _rows(earlier), _rows(later)
            apart = events.rows.disjoint(one, two) or (_is_label_encoder(later) and _judged_apart(events, one, two))
            if one and two and apart and not (aligned & (one | two)):
                told.add(later.id)
                yield Match(
                    later.at,
                    f"`{later.short}` gives each part codes or columns of its own"
                    if later.at == earlier.at
                    else f"`{later.short}` gives these rows other codes or columns than those at "
                    f"{earlier.at.seen_from(later.at)}",
                    confidence=Confidence.MEDIUM,
                    related=(Related(earlier.at, "the other part is encoded here"),),
                    fix="Fit one encoder on the training rows and apply it to both.",
                    symbol=later.function,
                )
    if not events.is_notebook:
        yield from _unknown(events)


def _encodes(event: Event) -> bool:
    """A function that makes codes from the very rows it gets, with nothing fitted before; an encoder fitted anew."""
    if _is_label_encoder(event):
        return event.result is not None
    if "encode" not in event.roles or event.result is None:
        return False
    return event.effect("derive").get("mix") == "all" and not event.effect("apply")


def _is_label_encoder(event: Event) -> bool:
    return event.short == "fit_transform" and "LabelEncoder" in event.name


def _judged_apart(events: Events, one: frozenset[int], two: frozenset[int]) -> bool:
    """Whether a model that is trained on the first rows judges the second, which come from another file."""
    return not events.rows.overlap(one, two) and any(
        events.rows.within(pair.training.rows, one) and events.rows.within(pair.evaluation.rows, two)
        for pair in judged(events)
        if pair.evaluation.rows
    )


def _rows(event: Event) -> frozenset[int]:
    values = [event.receiver, *event.arguments.values()]
    return next((value.rows for value in values if value is not None and value.rows), frozenset())


def _unknown(events: Events) -> Iterator[Match]:
    saved = any("save_model" in event.roles for event in events)
    for event in events:
        strict = event.short == "OneHotEncoder" and not {"handle_unknown", "drop", "**"} & set(event.arguments)
        if saved and strict and "encode" in event.roles:
            yield Match(
                event.at,
                "the saved encoder fails on a category that it has not seen",
                kind="unknown-category",
                confidence=Confidence.MEDIUM,
                severity=Severity.WARNING,
                fix='Pass handle_unknown="ignore" or "infrequent_if_exist".',
                symbol=event.function,
            )
