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
# Beginnings of words that name what a stage does; those that only name what it works on come second.
_VERBS = {
    StageKind.MONITORING: "monitor drift alert observ watch",
    StageKind.DEPLOYMENT: "deploy serv regist promot publish release endpoint infer rollout canary ship onnx export",
    StageKind.EVALUATION: "eval metric test scor benchmark compar explain report assess predict backtest",
    StageKind.TRAINING: "train retrain pretrain fit fine tun hyper learn modelling modeling estimat forecast",
    StageKind.EXPLORATION: "eda explor visual plot profil analy inspect",
    StageKind.PREPROCESSING: (
        "prep preproc process featur transform clean split encod scal imput augment token normal filter merg join"
        " select valid embed aggreg format etl convert dedup resampl vectori"
    ),
    StageKind.COLLECTION: (
        "ingest download extract fetch collect load import scrap crawl acqui get read pull query sync"
    ),
}
_NOUNS = {StageKind.TRAINING: ("model",), StageKind.COLLECTION: ("data", "raw", "source")}
_STEMS = {kind: tuple(stems.split()) for kind, stems in _VERBS.items()}
_PHRASES = (
    (StageKind.PREPROCESSING, re.compile(r"train_(valid?_)?test|data_(valid|quality)|valid\w*_(data|input|schema)")),
    (StageKind.EVALUATION, re.compile(r"valid\w*_model|model_valid|cross_valid")),
    (StageKind.DEPLOYMENT, re.compile(r"(upload|push|save|log)_model|batch_(predict|scor|infer|transform)")),
    (StageKind.TRAINING, re.compile(r"build_model|model_build|create_model")),
)  # fmt: skip


_FILE = re.compile(r"\.(html|csv|tsv|pkl|json|txt|parquet|pdf|joblib|ipynb|py|png|md|ya?ml|h5|pt)$")


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
    """What the name of a stage says of its kind: its last part first, of that the words from left to right."""
    whole = _FILE.sub("", name[:200].partition("@")[0])
    last = re.split(r"::|[:/.]", whole.strip(":/."))[-1]
    plain = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", last).lower())
    words = plain.strip("_").split("_")
    phrase = next((kind for kind, pattern in _PHRASES if pattern.search(plain)), None)
    return phrase or _named(words, _STEMS) or _named(words, _NOUNS) or StageKind.OTHER


def _named(words: list[str], beginnings: Mapping[StageKind, tuple[str, ...]]) -> StageKind | None:
    for word in words:
        for kind, stems in beginnings.items():
            if word.startswith(stems):
                return kind
    return None
