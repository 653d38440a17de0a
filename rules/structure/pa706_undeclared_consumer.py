from pipeaudit.rule import (
    CODE_SYSTEMS,
    ArtifactKind,
    Confidence,
    Iterator,
    Match,
    Project,
    Related,
    Severity,
    is_test,
    rule,
)

_INNER = (ArtifactKind.DATASET, ArtifactKind.FEATURES)


@rule(
    "PA706",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=None,
    controls=("COL-4", "TIP-5"),
    tier="pack:debt",
)
def undeclared_consumer(project: Project) -> Iterator[Match]:
    """A program outside the pipeline reads a file that the pipeline keeps between two of its stages.

    Whoever changes the stage breaks it without knowing that it is there.

    Bad, in dvc.yaml:

        stages:
          features:
            cmd: python features.py
            deps: [features.py]
            outs: [data/features.csv]
          train:
            cmd: python train.py
            deps: [train.py, data/features.csv]
            outs: [model.pkl]

    And in dashboard.py:

        import pandas as pd

        print(pd.read_csv("data/features.csv").describe())

    Good, in dvc.yaml:

        stages:
          features:
            cmd: python features.py
            deps: [features.py]
            outs: [data/features.csv]
          dashboard:
            cmd: python dashboard.py
            deps: [dashboard.py, data/features.csv]

    And in dashboard.py:

        import pandas as pd

        print(pd.read_csv("data/features.csv").describe())

    Fix: declare the reader as a stage, or declare the file as an output with an owner and a schema.

    Not seen: readers in other repositories. Notebooks may look at everything; reports that read metrics are no
    consumers.

    Source: Sculley et al. 2015, undeclared consumers.
    """
    for artifact in project.graph.artifacts.values():
        writers = [
            n for n in project.graph.writers(artifact) if any(s.system not in CODE_SYSTEMS for s in n.declarations)
        ]
        if artifact.kind not in _INNER or not writers or "{}" in artifact.name:
            continue
        if all(said.note == "data" for node in writers for said in node.declarations):
            continue
        for node in project.graph.readers(artifact):
            outside = all(said.system == "python" for said in node.declarations)
            if outside and not is_test(node.at.path):
                yield Match(
                    node.at,
                    f"`{node.name}` reads `{artifact.name}` of the pipeline, and is no part of it",
                    confidence=Confidence.MEDIUM,
                    related=(Related(writers[0].at, f"`{writers[0].name}` writes it"),),
                    fix="Declare it as a stage, or the file as an output with a schema.",
                    symbol=node.name,
                )
