"""Which kind of stage a function or a script is: from the roles its events play, else from its name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipeaudit.flow.events import Events
from pipeaudit.link.observed import Observed, own_events
from pipeaudit.model.pipeline import ArtifactKind, Program, StageKind
from pipeaudit.model.roles import KIND_OF_ROLE, SPECIFIC

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


def stage_kind(
    name: str, runs: tuple[Program, ...], events: Mapping[str, Events], observed: Observed | None = None
) -> StageKind:
    """What a stage's code does, where its name agrees with one part of that; the name alone where no code is known."""
    roles = {
        role
        for program in runs
        if program.path in events
        for event in own_events(events[program.path], program.function)
        for role in event.roles
    }
    named = kind_of_name(name)
    kinds = {KIND_OF_ROLE[role] for role in roles if role in KIND_OF_ROLE}
    if not kinds or named in kinds:
        return named
    if observed is not None and any(observed.kinds.get(n) is ArtifactKind.MODEL for n in observed.writes):
        return StageKind.TRAINING
    for kind in SPECIFIC:
        if kind in kinds and (kind not in _DECISIVE or roles & _DECISIVE[kind]):
            return kind
    return next(kind for kind in SPECIFIC if kind in kinds)


def kind_of_name(name: str) -> StageKind:
    """What the name of a stage says of its kind."""
    last = re.split(r"::|[:/.@]", name.strip(":/.@"))[-1] if name else ""
    plain = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", last[:200]).lower())
    return next((kind for kind, words in _WORDS if words.search(plain)), StageKind.OTHER)
