"""Which kind of stage a function, a script or a job is: from the roles its events play, else from its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

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
# What code of every kind does on its way: it outweighs no name, and the latter tells nothing at all.
_BESIDE = frozenset(("instrument", "inspect", "log_param", "read", "write_data"))
_SAYS_NOTHING = frozenset(("instrument", "log_param", "write_data"))
# Beginnings of words that name what a stage does, and whole words (`$`); what only names its matter comes last.
_VERBS = {
    StageKind.MONITORING: "monitor drift alert observ watch",
    StageKind.DEPLOYMENT: """deploy serv regist promot publish release endpoint infer rollout canary ship$ ships$ onnx
        export""",
    StageKind.EVALUATION: "eval metric test scor benchmark compar explain report assess predict backtest",
    StageKind.TRAINING: """train retrain pretrain fit$ fits$ fitting fine$ finetun tune tuning hyper learn modelling
        modeling estimat forecast""",
    StageKind.EXPLORATION: "eda$ explor visual plot profil analy inspect",
    StageKind.PREPROCESSING: """prep preproc process featur transform clean split encod scal imput augment token normal
        filter merg join select valid embed aggreg format etl convert dedup resampl vectori""",
    StageKind.COLLECTION: """ingest download extract fetch collect load import$ imports$ importing importer scrap crawl
        acqui get$ getting read$ reads$ reading pull query sync""",
}
_NOUNS = {StageKind.TRAINING: re.compile("model"), StageKind.COLLECTION: re.compile("data|raw|source")}
_STEMS = {kind: re.compile("|".join(stems.split())) for kind, stems in _VERBS.items()}
_PHRASES = (
    (StageKind.PREPROCESSING, re.compile(r"train_(valid?_)?test|data_(valid|quality)|valid\w*_(data|input|schema)")),
    (StageKind.EVALUATION, re.compile(r"valid\w*_model|model_valid|cross_valid")),
    (StageKind.DEPLOYMENT, re.compile(r"(upload|push|save|log)_model|batch_(predict|scor|infer|transform)")),
    (StageKind.TRAINING, re.compile(r"build_model|model_build|create_model")),
)  # fmt: skip


# Words around the verb: how a stage is run, with what number, and verbs that leave open what is done.
_AROUND = re.compile(
    r"(?:part|step|stage|section|lesson|chapter|lab|task|job|v)?\d*|run|do|exec|execute|start|op|operator|sensor|node|"
    r"component|pipeline|flow|dag|workflow|main|script|fn|func|function|models?|ci|cd|ct|dev|prod|the|my|new|and|to|with|"
    r"build|make|create|generate|calculate|compute"
)
# Of software: its tests, and the making of images.
_OF_SOFTWARE = re.compile(
    r"(?:^|_)(?:smoke|unit|integration|perf|e2e)_?tests?(?:_|$)|(?:load|stress|performance)_?tests?$|^(?:build|push)_.{0,40}images?$"
)
# Words that tell nothing of a job: CI tests software, and a cluster is full of servers.
_TESTS = ("test", "tests")
_DEED = ("ing", "ion", "ment")
_MATTER = frozenset(
    "data dataset datasets set sets file files row rows image images sample samples label labels".split()
)
_OF_JOBS = frozenset(
    """test tests check checks lint linting formatting scorer metrics exporter exporters server servers service
    services reader loader""".split()
)
_DOCUMENTS = frozenset(("doc", "docs", "documentation", "site", "website", "wiki"))  # `deploy-docs` deploys no model

_FILE = re.compile(r"\.(html|csv|tsv|pkl|json|txt|parquet|pdf|joblib|ipynb|py|png|md|ya?ml|h5|pt)$")


def stage_kind(
    name: str,
    runs: tuple[Program, ...],
    events: Mapping[str, Events],
    observed: Observed | None = None,
    is_job: bool = False,
) -> StageKind:
    """What a stage's code does, where its name agrees with one part of that; the name alone where no code is known.

    Of a job (of CI, of a cluster) the code is a part: what deploys is seldom Python, and its name tells of it.
    """
    roles = {
        role
        for program in runs
        if program.path in events
        for event in own_events(events[program.path], program.function)
        for role in event.roles
    }
    telling = roles & KIND_OF_ROLE.keys()
    named = kind_of_name(name, is_job)
    kinds = {KIND_OF_ROLE[role] for role in telling if role != "instrument"}
    if telling <= _SAYS_NOTHING or named in kinds or (is_job and named is StageKind.DEPLOYMENT):
        return named
    if telling <= _BESIDE and (said := _said(name, is_job)) is not None:
        return said
    if observed is not None and any(observed.kinds.get(n) is ArtifactKind.MODEL for n in observed.writes):
        return StageKind.TRAINING
    for kind in SPECIFIC:
        if kind in kinds and (kind not in _DECISIVE or roles & _DECISIVE[kind]):
            return kind
    return next(kind for kind in SPECIFIC if kind in kinds)


def kind_of_name(name: str, is_job: bool = False) -> StageKind:
    """What the name of a stage says: of its last part the word that it begins or ends with, or a deed in between.

    A verb in the midst of other words tells of what the stage works on: `syn_train_read_label` need not train.
    """
    words = _words(name)
    named = _said(name, is_job)
    if named is None and not is_job:
        named = _named([words[0], words[-1]], _NOUNS)
    return named or StageKind.OTHER


def _said(name: str, is_job: bool) -> StageKind | None:
    """What the verb of a name says; OTHER where it is of software and its documents, None where there is no verb."""
    words = _words(name)
    plain = "_".join(words)
    if _OF_SOFTWARE.search(plain) or (is_job and words[0] in _TESTS):
        return StageKind.OTHER
    phrase = next((kind for kind, pattern in _PHRASES if pattern.search(plain)), None)
    telling = _without_edges([word for word in words if not (is_job and word in _OF_JOBS)])
    named = phrase or _named([*telling[:1], *telling[-1:], *_deeds(telling)], _STEMS)
    is_of_documents = named is StageKind.DEPLOYMENT and not _DOCUMENTS.isdisjoint(words)
    return StageKind.OTHER if is_of_documents else named


def _words(name: str) -> list[str]:
    """The words of a name's last part, in lower case."""
    whole = _FILE.sub("", name[:200].partition("@")[0])
    last = re.split(r"::|[:/.]", whole.strip(":/."))[-1]
    plain = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", last).lower())
    return plain.strip("_").split("_")


def _deeds(words: list[str]) -> list[str]:
    """Words in the midst that name a deed, as `evaluation` does, and not what it is done with: `training_files`."""
    return [word for word, after in pairwise(words) if word.endswith(_DEED) and after not in _MATTER]


def _without_edges(words: list[str]) -> list[str]:
    first, end = 0, len(words)
    while first < end and _AROUND.fullmatch(words[first]):
        first += 1
    while end > first and _AROUND.fullmatch(words[end - 1]):
        end -= 1
    return words[first:end]


def _named(words: list[str], beginnings: Mapping[StageKind, re.Pattern[str]]) -> StageKind | None:
    for word in words:
        for kind, stems in beginnings.items():
            if stems.match(word):
                return kind
    return None
