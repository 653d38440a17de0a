import re

from pipeaudit.rule import (
    Confidence,
    ConfigNode,
    Iterator,
    Location,
    Match,
    Project,
    Related,
    Severity,
    StageKind,
    rule,
)

_METRICS = "accuracy f1 precision recall auc roc_auc rmse mae mse r2 mape logloss log_loss ap avg_prec map bleu".split()
_ROW = re.compile(r"^\s*(?:[-*|]\s*)*\**([A-Za-z][\w -]{0,30}?)\**\s*(?:[:=|]|of|is)\s*\**\s*(\d+(?:\.\d+)?)\s*(%?)")


@rule(
    "PA807",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.OTHER,
    controls=("EVL-1", "TRB-1"),
)
def stale_model_card(project: Project) -> Iterator[Match]:
    """The card or the README gives another score than the metrics file beside it.

    Whoever decides by the card decides about a model that is no longer there.

    Bad, in README.md:

        # Churn

        ## Results

        | metric | value |
        |---|---|
        | F1 | 0.91 |

    And in dvc.yaml:

        stages:
          evaluate:
            cmd: python evaluate.py
            metrics: [metrics.json]

    And in metrics.json:

        {"f1": 0.84}

    Good, in README.md:

        # Churn

        ## Results

        | metric | value |
        |---|---|
        | F1 | 0.84 |

    And in dvc.yaml:

        stages:
          evaluate:
            cmd: python evaluate.py
            metrics: [metrics.json]

    And in metrics.json:

        {"f1": 0.8412}

    Fix: write the number anew, or let the pipeline write it.

    Not seen: numbers in prose, and metrics that occur more than once in the file or in the document: it may speak of
    several models or parts.

    Source: EU AI Act, Article 11(1), Annex IV 6.
    """
    tracked = _tracked(project)
    if not tracked:
        return
    for path in project.repository.glob("/README.md", "*model_card*.md", "*model-card*.md", "MODEL_CARD.md"):
        document = project.repository.document(path)
        if document is None:
            continue
        stated: dict[str, list[tuple[int, str, str]]] = {}
        for number, line in enumerate(project.repository.text(path).split("\n"), start=1):
            found = _ROW.match(line)
            if found and _plain(found[1]) in tracked:
                stated.setdefault(_plain(found[1]), []).append((number, found[2], found[3]))
        for name, places in stated.items():
            values = tracked[name]
            if len(places) == 1 and len(values) == 1 and not _agree(places[0][1], places[0][2], values[0]):
                yield Match(
                    Location(path, places[0][0]),
                    f"`{name}` is given as {places[0][1]}{places[0][2]}; `{values[0].path}` says {values[0].raw}",
                    confidence=Confidence.MEDIUM,
                    related=(Related(values[0].at, "the tracked value"),),
                    fix="Write the number anew.",
                )


def _tracked(project: Project) -> dict[str, list[ConfigNode]]:
    """Numbers of declared metrics files, by the metric's name."""
    found: dict[str, list[ConfigNode]] = {}
    files = {name for node in project.graph.stages() for said in node.declarations for name in said.metrics}
    for path in sorted(files):
        if path in project.repository and path.endswith((".json", ".yaml", ".yml", ".toml")):
            for document in project.repository.nodes(path):
                for key, value in document.pairs():
                    if _plain(key.raw) in _METRICS and value.number is not None:
                        found.setdefault(_plain(key.raw), []).append(value)
    return found


def _plain(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_").removesuffix("_score")
    return {"f1_score": "f1", "roc": "roc_auc", "auc_roc": "roc_auc", "r_2": "r2"}.get(plain, plain)


def _agree(stated: str, percent: str, tracked: ConfigNode) -> bool:
    """Whether the two are equal to the digits that the document gives."""
    value = float(tracked.number or 0)
    digits = len(stated.partition(".")[2])
    given = float(stated)
    candidates = [value, value * 100] if percent or given > 1 else [value]
    return any(abs(candidate - given) <= 0.5 * 10**-digits + 1e-9 for candidate in candidates)
