from pipeaudit.rule import (
    Confidence,
    Events,
    Iterator,
    Match,
    Related,
    Scope,
    Severity,
    StageKind,
    copies_across_split,
    rule,
)


@rule(
    "PA203",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.PREPROCESSING,
    controls=("TRN-4", "TRB-1"),
    tier="core",
    scope=Scope.FILE,
)
def resampling_before_split(events: Events) -> Iterator[Match]:
    """Rows are oversampled or synthesised before they are split.

    Copies and neighbours of the same row then stand on both sides of the split: the model is asked about rows that
    it has as good as seen.

    Bad:

        import pandas as pd
        from imblearn.over_sampling import SMOTE
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        X, y = SMOTE(random_state=0).fit_resample(rows.drop(columns="label"), rows["label"])
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
        print(LogisticRegression().fit(X_train, y_train).score(X_test, y_test))

    Good:

        import pandas as pd
        from imblearn.over_sampling import SMOTE
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        X_train, X_test, y_train, y_test = train_test_split(rows.drop(columns="label"), rows["label"], random_state=0)
        X_more, y_more = SMOTE(random_state=0).fit_resample(X_train, y_train)
        print(LogisticRegression().fit(X_more, y_more).score(X_test, y_test))

    Fix: split first and resample the training part only; in cross-validation, put the sampler into an imblearn
    pipeline.

    Not seen: samplers that a library of one's own wraps. Under-sampling makes no copies and is not meant here.

    Source: Kapoor and Narayanan, leakage L1.4; Yang et al., ASE 2022.
    """
    for copies in copies_across_split(events):
        if "resample" not in copies.copying.roles:
            continue
        parts = copies.copying.name.split(".")
        sampler = parts[-2] if parts[-1] in ("fit_resample", "fit_sample") and len(parts) > 1 else parts[-1]
        yield Match(
            copies.copying.at,
            f"`{sampler}` makes copies of rows before they are split: parts of them train and judge the model at "
            f"{copies.evaluation.event.at.seen_from(copies.copying.at)}",
            confidence=Confidence.HIGH if copies.strong else Confidence.MEDIUM,
            related=(
                Related(copies.training.at, "the model is trained on one part"),
                Related(copies.evaluation.event.at, "the model is evaluated on the other"),
            ),
            fix="Split first, then resample the training part only.",
            symbol=copies.copying.function,
        )
