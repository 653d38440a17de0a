from difflib import get_close_matches

from pipeaudit.rule import Confidence, ConfigRead, Iterator, Match, Project, Related, Severity, is_test, rule


@rule(
    "PA716",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("TRN-2", "TRN-3"),
    tier="core",
)
def undefined_config_key(project: Project) -> Iterator[Match]:
    """Code reads a configuration key that the file does not define, and nothing stands in for it.

    The run ends in a KeyError where the key is read, often after hours of work before it.

    Bad, in train.py:

        import yaml

        with open("params.yaml") as file:
            params = yaml.safe_load(file)
        print(params["train"]["epochs"])

    And in params.yaml:

        train:
          n_epochs: 20

    Good, in train.py:

        import yaml

        with open("params.yaml") as file:
            params = yaml.safe_load(file)
        print(params["train"]["n_epochs"], params["train"].get("patience", 5))

    And in params.yaml:

        train:
          n_epochs: 20

    Fix: add the key to the file, or name the one that is there.

    Not seen: keys that are computed, and files whose path is. Silent where a default is given, where the key is tested
    for or set somewhere in the same program, and where the file is written by a stage.

    Source: Sculley et al. 2015, configuration debt.
    """
    seen = set()
    for path in sorted(project.programs):
        reads = [] if is_test(path) else project.config_reads(path)
        excused = {(read.file, read.key) for read in reads if not read.required}
        for read in reads:
            place = (read.event.at.key, read.key)
            if read.defined or (read.file, read.key) in excused or place in seen or _is_made(project, read.file):
                continue
            seen.add(place)
            yield _told(project, read)


def _is_made(project: Project, file: str) -> bool:
    artifact = project.graph.artifact(file)
    return artifact is not None and bool(project.graph.writers(artifact))


def _told(project: Project, read: ConfigRead) -> Match:
    documents = project.repository.nodes(read.file)
    around = documents[0].get(*read.key[:-1]) if documents else None
    known = [key.raw for key, _ in around.entries] if around is not None else []
    near = get_close_matches(str(read.key[-1]), known, n=1)
    hint = f"; the nearest is `{near[0]}`" if near else ""
    fix = f"Read `{near[0]}`, or add" if near else "Add"
    return Match(
        read.event.at,
        f"`{read.dotted}` is not defined in `{read.file}`{hint}",
        confidence=Confidence.HIGH if read.certain and not read.event.conditional else Confidence.MEDIUM,
        related=(Related(around.at, "the keys that are there"),) if around is not None and around.entries else (),
        fix=f"{fix} `{read.key[-1]}` to the file.",
        symbol=read.event.function,
    )
