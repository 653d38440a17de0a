"""Evaluation: metrics and where they are kept, slices, comparisons, gates, tests of behaviour."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.evidence.calls import short
from pipeaudit.evidence.candidates import candidates
from pipeaudit.evidence.conditions import conditions
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.places import is_test
from pipeaudit.evidence.programs import path_of, predict_events, train_events
from pipeaudit.evidence.signal import signal
from pipeaudit.flow.events import MISSING
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location

_METRIC_NAME = re.compile(
    r"(?:^|[_.\-\s/])(?:f1|f_?beta|rmse|mse|mae|mape|smape|r2|auc|roc_?auc|avg_?prec|average_precision|accuracy|"
    r"acc|precision|recall|log_?loss|"
    r"ndcg|map|mrr|hit_?rate|bleu|rouge\w*|wer|cer|iou|dice|silhouette|perplexity|loss|metric|score|error)(?:$|"
    r"[_.\-\s/@\d])",
    re.IGNORECASE,
)


@signal("metrics-declared")
def metrics_declared(facts: Facts) -> Iterator[Evidence]:
    """Metrics that a pipeline definition declares as its own outputs."""
    for node in facts.graph.stages():
        for said in node.declarations:
            if said.metrics and said.system == "dvc":
                yield Evidence(said.at, f"stage `{said.name}` declares its metrics `{said.metrics[0]}`")
    for path in facts.paths:
        if path.rpartition("/")[2] == "dvc.yaml":
            for document in facts.nodes(path):
                if document.get("metrics"):
                    yield Evidence(document.key("metrics").at, "metrics are declared in the pipeline")


@signal("metrics-file-written")
def metrics_file_written(facts: Facts) -> Iterator[Evidence]:
    """Structured files of metrics that code writes."""
    for event in (
        *facts.calls.of("write_data", "report"),
        *facts.calls.named(
            "json.dump",
            "yaml.dump",
            "yaml.safe_dump",
            "builtins.open",
            "pathlib.Path.write_text",
            "builtins.file.write",
            "pandas.*.to_csv",
            "pandas.*.to_json",
        ),
    ):
        path = path_of(event).lower()
        words = " ".join(value.name for value in event.arguments.values()).lower()
        mode = event.constant("mode", event.constant("1", "w"))
        if event.name == "builtins.open" and (not isinstance(mode, str) or "w" not in mode):
            continue
        if _METRICS_FILE.search(path) or (event.name.startswith(("json", "yaml")) and _METRICS_WORD.search(words)):
            yield Evidence(event.at, f"metrics are written to `{path or 'a file'}`")


_METRICS_FILE = re.compile(
    r"(?:metric|score|result|eval|report|performance)[\w.{}/-]*\.(?:json|ya?ml|csv|tsv|parquet)$"
)
_METRICS_WORD = re.compile(r"metric|scores?\b|results?\b|performance|report|evaluation")


@signal("metric-printed")
def metric_printed(facts: Facts) -> Iterator[Evidence]:
    """A figure that is worked out by hand and shown, in a program that trains."""
    training = {event.at.path for event in facts.once(train_events)}
    for at in facts.mentions(_SHOWN):
        if at.path in training:
            yield Evidence(at, "a figure is shown, and its values are kept nowhere", Strength.SUPPORTING)
    predicting = {event.at.path for event in facts.once(predict_events)}
    for at in facts.mentions(_GATHERED):
        if at.path in predicting and not facts.shows("metric-computed"):
            yield Evidence(at, "figures of the model are gathered", Strength.WEAK)


_GATHERED = re.compile(r"^\s*\w*(?:metrics|scores)\w*\s*(?:\[[^\]]*\])?\s*=[^=]")
_SHOWN = re.compile(
    r"[\"'][^\"']{0,80}\b(?:acc|accuracy|f1|rmse|mse|mae|r2|auc|precision|recall|score)\b[^\"'\n]{0,40}(?:%|\{)",
    re.IGNORECASE,
)


@signal("metric-in-configuration")
def metric_in_configuration(facts: Facts) -> Iterator[Evidence]:
    """A key of a configuration that names the metric."""
    for path in facts.paths:
        if not path.lower().endswith((".yaml", ".yml", ".json", ".toml")) or is_test(path) or path.startswith("."):
            continue
        if not _CONFIG.search(path.lower()):
            continue
        for document in facts.nodes(path):
            for key, value in document.pairs():
                if _METRIC_KEY.fullmatch(key.raw.lower()) and (value.text or value.strings()):
                    yield Evidence(value.at, f"`{key.raw}` names the metric", Strength.STRONG)


_CONFIG = re.compile(r"param|conf|setting|hyper|train|model|main|default|experiment|eval")
_METRIC_KEY = re.compile(
    r"(?:primary_?|main_?|eval(?:uation)?_?|target_?|optimi[sz]ation_?|objective_?|selection_?|"
    r"monitor_?)?metrics?(?:_name|_for_best_model|_to_monitor)?|scoring|monitor|eval_metric|primarymetric|"
    r"objective_metric_name"
)


_OBJECTIVES = dict.fromkeys(
    """scoring refit metric_for_best_model monitor primary_metric objective_metric_name metric eval_metric
    objective""".split()
)


@signal("search-objective")
def search_objective(facts: Facts) -> Iterator[Evidence]:
    """The metric that a search, an early stop or a checkpoint goes by."""
    for events in facts.calls.by_name.values():
        for event in events:
            for name in _OBJECTIVES if not _OBJECTIVES.keys().isdisjoint(event.arguments) else ():
                value = event.argument(name)
                if value is None or not isinstance(value.constant, str) or value.constant is MISSING:
                    continue
                if name in ("metric", "objective", "eval_metric") and not _METRIC_NAME.search(value.constant):
                    continue
                if name == "refit" and not _METRIC_NAME.search(value.constant):
                    continue
                yield Evidence(event.at, f"`{short(event.name)}` goes by `{value.constant}`")
    for event in facts.calls.named("optuna.create_study", "optuna.study.create_study"):
        if event.argument("direction") or event.argument("directions"):
            yield Evidence(event.at, "the search names its direction")
    for event in facts.calls.named("optuna.*.optimize", "hyperopt.fmin", "ray.tune.*"):
        yield Evidence(event.at, "the search goes by one objective")


@signal("metric-threshold-in-config")
def metric_threshold_in_config(facts: Facts) -> Iterator[Evidence]:
    """A number in a configuration that a metric has to reach."""
    for path in facts.paths:
        if not path.lower().endswith((".yaml", ".yml", ".json", ".toml")) or is_test(path) or path.startswith("."):
            continue
        for document in facts.nodes(path):
            for key, value in document.pairs():
                if value.number is not None and _THRESHOLD_KEY.fullmatch(key.raw.lower()):
                    yield Evidence(
                        value.at, f"`{key.raw}: {value.raw}` is what the model must reach", Strength.SUPPORTING
                    )


_THRESHOLD_KEY = re.compile(
    r"(?:min|minimum|target|required|max|maximum)_(?:f1\w*|rmse|mse|mae|mape|r2\w*|auc\w*|roc_?auc|accuracy|acc|"
    r"precision|recall|logloss|score|metric)|"
    r"(?:f1\w*|rmse|mse|mae|mape|r2|auc|roc_?auc|accuracy|precision|recall|metric|score|performance|quality|"
    r"promotion|acceptance|release|evaluation|model_?score|blessing|expected_score)_?(?:threshold|target|min|"
    r"minimum|limit)|"
    r"(?:base_accuracy|expected_accuracy|expected_score|acceptance_threshold|threshold_accuracy|threshold_score)"
)


@signal("metric-gate")
def metric_gate(facts: Facts) -> Iterator[Evidence]:
    """A branch on a metric that decides over saving, registering, promoting or failing."""
    for event in facts.calls.of("gate"):
        yield Evidence(event.at, f"`{short(event.name)}` gates on a metric")
    for condition in facts.once(conditions):
        released = next((call for call in condition.calls if _RELEASES.search(call)), "")
        if released or (condition.stops and _LIMIT.search(condition.test)):
            what = f"decides over `{released}`" if released else "decides whether the run goes on"
            yield Evidence(condition.at, f"a metric {what}: `{condition.test[:80]}`")
        elif _LIMIT.search(condition.test) and any("save" in call or "dump" in call for call in condition.calls):
            yield Evidence(condition.at, f"a metric decides whether the model is kept: `{condition.test[:80]}`")
    for event in facts.calls.named(
        "mlflow.models.MetricThreshold",
        "mlflow.validate_evaluation_results",
        "tfx.*.Evaluator",
        "tensorflow_model_analysis.MetricThreshold",
        "tensorflow_model_analysis.GenericValueThreshold",
        "sagemaker.workflow.condition*",
        "kfp.dsl.If",
        "kfp.dsl.Condition",
        "kfp.v2.dsl.Condition",
        "tensorflow_model_analysis.*Threshold*",
    ):
        yield Evidence(event.at, f"`{short(event.name)}` gates on a value")


_RELEASES = re.compile(
    r"regist|promot|transition_model|set_registered|deploy|create_model_version|\bcancel$|publish|push_to_hub|"
    r"upload_model|trigger",
    re.IGNORECASE,
)
# A fixed number, or something that is called a limit; the best value so far is none: that is checkpointing.
_LIMIT = re.compile(
    r"[<>]=?\s*[-+]?\d|[-+]?\d[\d.]*\s*[<>]|thresh|min_|max_|limit|target|required|expected|minimum|baseline",
    re.IGNORECASE,
)


@signal("segment-metrics")
def segment_metrics(facts: Facts) -> Iterator[Evidence]:
    """Metrics per group or segment, and functions that are named for it."""
    for event in facts.calls.of("slice", "fairness"):
        if not event.name.startswith("sklearn."):
            yield Evidence(event.at, f"`{short(event.name)}` gives results by group")
    for event in facts.calls.named("sklearn.metrics.*"):
        if "average" in event.arguments and event.constant("average") is None:
            yield Evidence(event.at, f"`{short(event.name)}` gives a figure per class")
    for event in facts.calls.of("metric"):
        if event.loops and any(_SEGMENT.search(value.name) for value in event.arguments.values()):
            yield Evidence(event.at, f"`{short(event.name)}` is computed per segment")
        elif _SEGMENT.search(event.function):
            yield Evidence(event.at, f"`{short(event.name)}` is computed per slice")
    for path, events in facts.project.programs.items():
        if is_test(path):
            continue
        for name, at in events.functions:
            last = name.rpartition(".")[2].lower()
            if re.search(
                r"(?:per_class|by_class|slice_metrics|get_slice|per_slice|by_segment|by_group|per_group|"
                r"per_segment|per_category)",
                last,
            ):
                yield Evidence(at, f"`{last}` computes metrics by part")


_SEGMENT = re.compile(r"slice|segment|group|region|subset_by|cohort|per_class|store|country|month|period")


@signal("models-compared")
def models_compared(facts: Facts) -> Iterator[Evidence]:
    """Several candidates whose figures go to one tracker or one table."""
    tracked = facts.evidence("metric-logged") or facts.evidence("run-tracked")
    several = len({short(name) for name in facts.once(candidates)}) > 1 or facts.shows(
        "model-configurations", "hyperparameter-search"
    )
    if tracked and several:
        yield Evidence(tracked[0].at, "candidates can be compared in the tracker", Strength.SUPPORTING)
    for event in facts.calls.named(
        "mlflow.search_runs", "mlflow.MlflowClient.search_runs", "wandb.Api.runs", "mlflow.*.search_runs"
    ):
        yield Evidence(event.at, f"`{short(event.name)}` compares runs", Strength.SUPPORTING)


@signal("champion-challenger")
def champion_challenger(facts: Facts) -> Iterator[Evidence]:
    """The new model's metric against the one in production."""
    for condition in facts.once(conditions):
        if _FORMER.search(condition.test) and re.search(r"[<>]", condition.test) and not condition.in_loop:
            yield Evidence(
                condition.at,
                f"the new model is compared with the former one: `{condition.test[:80]}`",
                Strength.SUPPORTING,
            )


_FORMER = re.compile(
    r"prod|champion|current_model|old_|previous_|prev_|existing|registered|deployed|base_?line|live_", re.IGNORECASE
)


@signal("feature-importance")
def feature_importance(facts: Facts) -> Iterator[Evidence]:
    yield from facts.evidence("feature-importance-call")
    for at in facts.mentions(_IMPORTANCES):
        yield Evidence(at, "feature importance is looked at", Strength.SUPPORTING)


_IMPORTANCES = re.compile(r"\.feature_importances_\b|\.coef_\b")


@signal("behavioural-tests")
def behavioural_tests(facts: Facts) -> Iterator[Evidence]:
    """Tests that disturb or turn inputs and look at the prediction."""
    for path in facts.paths:
        if (
            is_test(path)
            and re.search(r"behaviou?r|invarian|directional|robust|checklist|metamorphic", path, re.IGNORECASE)
            and path.endswith(".py")
        ):
            yield Evidence(Location(path), "tests of the model's behaviour", Strength.SUPPORTING)
    for path, events in facts.project.programs.items():
        if not is_test(path):
            continue
        for name, at in events.functions:
            if re.search(r"invarian|directional|metamorphic|robustness|perturb", name, re.IGNORECASE):
                yield Evidence(at, f"`{name.rpartition('.')[2]}` tests the model's behaviour", Strength.SUPPORTING)


@signal("subject-declared")
def subject_declared(facts: Facts) -> Iterator[Evidence]:
    """The configuration says that the outputs concern no people."""
    yield from facts.declarations.get("subject", ())


@signal("primary-metric-declared")
def primary_metric_declared(facts: Facts) -> Iterator[Evidence]:
    """The configuration names the metric that decides."""
    yield from facts.declarations.get("primary-metric", ())


@signal("skew-check")
def skew_check(facts: Facts) -> Iterator[Evidence]:
    """Training data against serving data."""
    yield from facts.evidence("skew-check-call")
    if facts.shows("drift-check") and facts.shows(
        "monitoring-scheduled", "monitor-in-service", "drift-monitor-resource"
    ):
        yield facts.evidence("drift-check")[0]


@signal("freshness-check")
def freshness_check(facts: Facts) -> Iterator[Evidence]:
    for each in facts.evidence("data-freshness-checked"):
        if "Freshness" in each.what or "freshness" in each.what:
            yield each
    for path in facts.paths:
        if path.lower().endswith((".yml", ".yaml")):
            for document in facts.nodes(path):
                for source in document.list("sources"):
                    if source.get("freshness"):
                        yield Evidence(source.key("freshness").at, "the source's freshness is checked")
