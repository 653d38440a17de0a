from pipeaudit.rule import (
    Confidence,
    Event,
    Iterator,
    Match,
    Project,
    Related,
    Severity,
    StageKind,
    Training,
    is_test,
    rule,
    trainings,
)


@rule(
    "PA707",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.TRAINING,
    controls=("TIP-2",),
    tier="pack:debt",
)
def correction_cascade(project: Project) -> Iterator[Match]:
    """A model is trained on the predictions of another model of the same target.

    The first can no longer be improved alone: each change of it makes the second one wrong.

    Bad, in train.py:

        import numpy as np
        import pandas as pd
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.linear_model import LinearRegression

        rows = pd.read_csv("rows.csv")
        y = rows["price"]
        first = LinearRegression().fit(rows[["size"]], y)
        guess = first.predict(rows[["size"]])
        second = RandomForestRegressor(random_state=0).fit(np.column_stack([rows[["size"]], guess]), y)

    Good, in train.py:

        import pandas as pd
        from sklearn.ensemble import RandomForestRegressor

        rows = pd.read_csv("rows.csv")
        model = RandomForestRegressor(random_state=0).fit(rows[["size", "rooms"]], rows["price"])

    Fix: train one model with the further features, or stack with out-of-fold predictions and say so.

    Not seen: models that meet in different programs, and predictions that are put into a column of a frame. Stacking
    and boosting of libraries, and predictions by cross-validation, are made for that and not counted.

    Source: Sculley et al. 2015, correction cascades.
    """
    for path in sorted(project.programs):
        program = project.programs[path]
        if is_test(path):
            continue
        fits = trainings(program)
        for later in fits:
            earlier = next((fit for fit in fits if _is_below(fit, later)), None)
            if earlier is not None:
                yield Match(
                    later.event.at,
                    "this model is trained on what the one of "
                    f"{earlier.event.at.seen_from(later.event.at)} says of the same target",
                    confidence=Confidence.MEDIUM,
                    related=(Related(earlier.event.at, "the first model"),),
                    fix="Train one model, or stack with out-of-fold predictions.",
                    symbol=later.event.function,
                )


def _is_below(earlier: Training, later: Training) -> bool:
    """Whether the later model's features or target hold predictions of the earlier one, for the same target."""
    target = later.event.argument("y")
    in_features = set(earlier.models) & set(later.features.models)
    in_target = set(earlier.models) & set(target.models) if target is not None else set()
    if earlier.event.id > later.event.id or set(earlier.models) & set(later.models):
        return False
    return bool(in_target) or (bool(in_features) and _same_target(earlier.event, later.event))


def _same_target(one: Event, other: Event) -> bool:
    first, second = one.argument("y"), other.argument("y")
    if first is None or second is None:
        return False
    return first.identity == second.identity or (bool(first.columns) and first.columns == second.columns)
