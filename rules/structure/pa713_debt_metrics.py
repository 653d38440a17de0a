from pipeaudit.rule import (
    Confidence,
    Iterator,
    Match,
    Node,
    Project,
    Related,
    Severity,
    StageKind,
    is_example,
    is_test,
    rule,
)

_MOST_SCRIPTS = 8
_MOST_JOINED = 4


@rule(
    "PA713",
    Severity.NOTE,
    ceiling=Confidence.LOW,
    stage=StageKind.OTHER,
    controls=("TIP-2",),
    tier="pack:debt",
    kinds=("jungle", "entanglement"),
)
def debt_metrics(project: Project) -> Iterator[Match]:
    """The project has grown beyond what its structure holds: scripts chained by files, features shared by many models.

    A measure, not a fault: watch how it changes.

    Kinds: `jungle` (eight or more scripts that hand files to each other without a pipeline), `entanglement` (a file of
    features that four or more stages train on).

    Bad, in dvc.yaml:

        stages:
          features:
            cmd: python features.py
            outs: [features.csv]
          train_a:
            cmd: python train_a.py
            deps: [features.csv]
            outs: [a.pkl]
          train_b:
            cmd: python train_b.py
            deps: [features.csv]
            outs: [b.pkl]
          train_c:
            cmd: python train_c.py
            deps: [features.csv]
            outs: [c.pkl]
          train_d:
            cmd: python train_d.py
            deps: [features.csv]
            outs: [d.pkl]

    Good, in dvc.yaml:

        stages:
          features:
            cmd: python features.py
            outs: [features.csv]
          train:
            cmd: python train.py
            deps: [features.csv]
            outs: [model.pkl]

    Fix: none at once; move the scripts into a pipeline, give shared features a version.

    Not seen: whether it hurts; modules that only adapt others, languages that hand untyped files to each other,
    settings in bare dicts. Size alone is no debt, and this rule never gates.

    Source: Sculley et al. 2015, pipeline jungles, entanglement.
    """
    loose = [node for node in project.graph.stages() if _is_loose(node) and _is_linked(project, node)]
    if len(loose) >= _MOST_SCRIPTS:
        yield Match(
            loose[0].at,
            f"{len(loose)} scripts hand files to each other, and no pipeline knows of it",
            kind="jungle",
            confidence=Confidence.LOW,
            related=tuple(Related(node.at, f"`{node.name}`") for node in loose[1:6]),
            fix="Declare them as stages of a pipeline.",
        )
    for artifact in project.graph.artifacts.values():
        readers = [node for node in project.graph.readers(artifact) if node.kind is StageKind.TRAINING]
        writers = project.graph.writers(artifact)
        if len({reader.at for reader in readers}) >= _MOST_JOINED and writers:
            yield Match(
                writers[0].at,
                f"{len(readers)} models are trained on `{artifact.name}`",
                kind="entanglement",
                confidence=Confidence.LOW,
                related=tuple(Related(reader.at, f"`{reader.name}` trains on it") for reader in readers[:5]),
                fix="Give it a version, and let each model name the one that it takes.",
            )


def _is_loose(node: Node) -> bool:
    only_code = all(said.system == "python" for said in node.declarations)
    return only_code and not is_test(node.at.path) and not is_example(node.at.path)


def _is_linked(project: Project, node: Node) -> bool:
    """Whether it reads or writes a file that another script touches."""
    touched = [*project.graph.reads(node), *project.graph.writes(node)]
    return any(
        other is not node and _is_loose(other)
        for artifact in touched
        if "{}" not in artifact.name
        for other in (*project.graph.readers(artifact), *project.graph.writers(artifact))
    )
