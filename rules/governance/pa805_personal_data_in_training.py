from pipeaudit.rule import (
    Confidence,
    Iterator,
    Match,
    Project,
    Severity,
    StageKind,
    identifiers,
    is_test,
    rule,
    trainings,
)


@rule(
    "PA805",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.PREPROCESSING,
    controls=("COL-3",),
    tier="pack:ethics",
)
def personal_data_in_training(project: Project) -> Iterator[Match]:
    """Names, addresses or numbers of single persons reach the model or a file of features.

    What a model has seen it can give away, and every copy of the file is one that has to be found when a person asks.

    Bad, in features.py:

        import pandas as pd

        rows = pd.read_csv("customers.csv")
        rows[["email", "phone", "income"]].to_parquet("features.parquet")

    Good, in features.py:

        import pandas as pd

        rows = pd.read_csv("customers.csv")
        rows[["customer", "income"]].to_parquet("features.parquet")

    Fix: drop identifiers where the data comes in, or put pseudonyms in their place.

    Not seen: columns of frames whose names the code does not tell. Generated people are nobody's data and not counted.

    Source: ML Test Score, Data 5; GDPR, Article 5(1)(c).
    """
    seen = set()
    for path in sorted(project.programs):
        program = project.programs[path]
        if is_test(path) or any(name.partition(".")[0] in ("faker", "mimesis") for name in program.imports):
            continue
        for training in trainings(program):
            found = identifiers(training.features.columns or ())
            if found and training.event.at not in seen:
                seen.add(training.event.at)
                yield Match(
                    training.event.at,
                    f"the model is trained on {_names(found)}",
                    confidence=Confidence.MEDIUM,
                    fix="Drop it, or put a pseudonym in its place.",
                    symbol=training.event.function,
                )
        for event in program.of("write_data"):
            value = event.receiver
            found = identifiers(value.columns or ()) if value is not None else []
            if found and event.at not in seen:
                seen.add(event.at)
                yield Match(
                    event.at,
                    f"{_names(found)} is kept in `{event.detail.get('path')}`",
                    confidence=Confidence.MEDIUM,
                    fix="Drop it, or put a pseudonym in its place.",
                    symbol=event.function,
                )


def _names(columns: list[str]) -> str:
    return ", ".join(f"`{column}`" for column in columns[:5])
