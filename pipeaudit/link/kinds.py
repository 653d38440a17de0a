"""Which kind of stage a cell, a function or a script is: from the roles its events play, else from its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pipeaudit.flow.events import Event, Events
from pipeaudit.link.observed import Observed
from pipeaudit.model.audit import CellKinds
from pipeaudit.model.pipeline import ArtifactKind, Program, StageKind

_ROLES: dict[StageKind, str] = {
    StageKind.COLLECTION: "read download query generate load_dataset",
    StageKind.EXPLORATION: "inspect plot profile",
    StageKind.PREPROCESSING: (
        "transform fit_transformer apply_transformer encode impute scale select_features reduce resample augment tokenize"
        " join filter split validate_data feature_store_read feature_store_write write_data"
    ),
    StageKind.TRAINING: (
        "construct_model train search load_pretrained optimizer loss backward step zero_grad callback save_model log_param"
    ),
    StageKind.EVALUATION: ("predict evaluate metric log_metric explain fairness slice calibrate test_assert report"),
    StageKind.DEPLOYMENT: "export package register promote serve deploy load_model gate rollout",
    StageKind.MONITORING: "monitor drift instrument alert capture feedback",
}
KIND_OF_ROLE: dict[str, StageKind] = {role: kind for kind, roles in _ROLES.items() for role in roles.split()}
SPECIFIC: tuple[StageKind, ...] = (
    StageKind.DEPLOYMENT,
    StageKind.TRAINING,
    StageKind.EVALUATION,
    StageKind.MONITORING,
    StageKind.PREPROCESSING,
    StageKind.COLLECTION,
    StageKind.EXPLORATION,
)
_DECISIVE = {
    StageKind.DEPLOYMENT: frozenset(("serve", "deploy", "promote", "register", "package", "rollout")),
    StageKind.TRAINING: frozenset(("train", "search", "backward", "save_model")),
    StageKind.EVALUATION: frozenset(("evaluate", "metric", "fairness", "explain", "test_assert", "calibrate")),
    StageKind.MONITORING: frozenset(("monitor", "drift", "alert", "capture")),
}
_WORDS = (
    (StageKind.MONITORING, re.compile(r"monitor|drift|alert|observ")),
    (StageKind.DEPLOYMENT, re.compile(r"deploy|serv(e|ing)|regist|promot|publish|release|push(?!\w*data)|endpoint|inference|batch_?predict")),
    (StageKind.EVALUATION, re.compile(r"eval|metric|(^|_)test(_|$|s_|ing)|scor(e|ing)|validat\w*_?model|model_?validat|benchmark|compare|explain|report")),
    (StageKind.TRAINING, re.compile(r"train|(^|_)fit(_|$)|fine_?tun|tun(e|ing)|hyper|learn|model_?build|build_?model|modell?ing|fit_model")),
    (StageKind.EXPLORATION, re.compile(r"eda|explor|visuali|plot|profil|analy[sz]")),
    (StageKind.PREPROCESSING, re.compile(r"prepar|preproc|process|featur|transform|clean|split|encod|scal|impute|augment|token|normal|filter|merge|join|select|validat|embed|aggregate|format|label")),
    (StageKind.COLLECTION, re.compile(r"ingest|download|extract|fetch|collect|load|import|scrape|crawl|acqui|get_|read|pull|data")),
)  # fmt: skip


def kinds_of(events: Iterable[Event]) -> list[StageKind]:
    """The kinds of these events' roles, most specific first; looking at data counts where it is a statement of its own."""
    found = {
        KIND_OF_ROLE[role]
        for event in events
        for role in event.roles
        if role in KIND_OF_ROLE and (KIND_OF_ROLE[role] is not StageKind.EXPLORATION or event.statement)
    }
    return [kind for kind in SPECIFIC if kind in found]


def stage_kind(
    name: str, runs: tuple[Program, ...], events: Mapping[str, Events], observed: Observed | None = None
) -> StageKind:
    """The kind of a stage: what its code does, where the name agrees with one of several; the name alone where no code is known."""
    roles: set[str] = set()
    for program in runs:
        known = events.get(program.path)
        if known is not None:
            roles.update(
                role
                for event in known
                if not program.function or event.function == program.function
                for role in event.roles
            )
    named = kind_of_name(name)
    kinds = {KIND_OF_ROLE[role] for role in roles if role in KIND_OF_ROLE}
    if not kinds:
        return named
    if named in kinds and named is not StageKind.OTHER:
        return named
    if observed is not None and any(observed.kinds.get(n) is ArtifactKind.MODEL for n in observed.writes):
        return StageKind.TRAINING
    for kind in SPECIFIC:
        if kind in kinds and (kind not in _DECISIVE or roles & _DECISIVE[kind]):
            return kind
    return next((kind for kind in SPECIFIC if kind in kinds), StageKind.OTHER)


def kind_of_name(name: str) -> StageKind:
    """What the name of a stage says of its kind."""
    last = re.split(r"::|[:/.@]", name.strip(":/.@"))[-1] if name else ""
    plain = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", last[:200]).lower())
    return next((kind for kind, words in _WORDS if words.search(plain)), StageKind.OTHER)


def cell_kinds(events: Mapping[str, Events]) -> list[CellKinds]:
    """The kinds of each code cell of each notebook; imports and definitions alone are `other`."""
    found: list[CellKinds] = []
    for path in sorted(events):
        known = events[path]
        if not known.is_notebook:
            continue
        by_cell: dict[int, list[Event]] = {}
        for event in known:
            at = event.caller or event.at
            if at.cell is not None and at.path == path:
                by_cell.setdefault(at.cell, []).append(event)
        for cell in sorted(by_cell):
            kinds = kinds_of(by_cell[cell]) or [StageKind.OTHER]
            found.append(CellKinds(path, cell, tuple(kind.value for kind in kinds)))
    return found
