"""A finished audit of the small project in fixtures/reports/churn: what the tests of the formats render."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

from pipeaudit.model.audit import (
    AcceptedRisk,
    ArtifactNode,
    Attestation,
    Audit,
    CellKinds,
    CellSource,
    Graph,
    Identification,
    InputFile,
    LeftOut,
    RuleInfo,
    Source,
)
from pipeaudit.model.control import Control, Evidence, Status, Strength
from pipeaudit.model.finding import Confidence, Finding, Match, Problem, Related, Severity, fingerprint
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind, Edge, Node, Origin, Program, Stage, StageKind
from pipeaudit.scores import scores

ROOT = Path(__file__).parent.parent / "fixtures" / "reports" / "churn"
NOTEBOOK = "notebooks/explore.ipynb"
INVALIDATING = ("PA201", "PA202", "PA203")
GROUPS = {
    "Prerequisites & team": "PRE TIP-3 TIP-4 TIP-5",
    "1 Data collection": "COL",
    "2 Preprocessing & features": "PRP ANT-1",
    "3 Training": "TRN ANT-2 TIP-1 TRB-3",
    "4 Evaluation": "EVL ANT-3 TRB-1",
    "5 Deployment": "DEP ANT-4 TRB-2",
    "6 Monitoring & maintenance": "MON ANT-5",
    "Pipeline as a whole": "TIP-2",
}
E, W, N = Severity.ERROR, Severity.WARNING, Severity.NOTE
HIGH, MEDIUM, LOW = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW


def audit() -> Audit:
    sources = _sources()
    findings = sorted(_findings(sources), key=lambda finding: (finding.at.key, finding.rule))
    suppressed = [
        finding("PA906", W, HIGH, at(sources, "Dockerfile", "RUN pip install fastapi uvicorn scikit-learn pandas"),
                "`fastapi`, `uvicorn`, `scikit-learn` and `pandas` are installed without a version",
                suppressed="the image is rebuilt from the lock file in the release job"),
    ]  # fmt: skip
    controls = _controls(sources, findings)
    files = tuple(
        InputFile(
            path, len(source.text.encode()), hashlib.sha256(source.text.encode()).hexdigest(), path != "params.yaml"
        )
        for path, source in sorted(sources.items())
    )
    manifest = hashlib.sha256("".join(f"{file.path}\0{file.sha256}\n" for file in files).encode()).hexdigest()
    return Audit(
        identification=Identification(
            tool_version="0.1.0",
            name="churn",
            revision="5f0c9e2b7d1a4c8e93b6f7a0d2e4c6b8a1f3d5e7",
            branch="main",
            repository_url="https://git.example.com/retention/churn.git",
            dirty=True,
            as_of="2026-10-05",
            command="pipeaudit audit . --format html",
            configuration="pyproject.toml",
            configuration_digest=_digest("configuration"),
            rules_digest=_digest("rules"),
            knowledge_digest=_digest("knowledge"),
            checklist_version="2025-07-07",
            manifest=manifest,
        ),
        findings=tuple(findings),
        problems=(
            Problem("data/customers.yaml", 14, "YAML is nested deeper than 100 levels; the file was not read"),
            Problem("notebooks/draft.ipynb", 2, "not JSON: merge-conflict marks at column 2; the notebook was not read"),
        ),
        rules=tuple(RULES[id] for id in sorted(RULES)),
        graph=_graph(),
        controls=tuple(controls),
        profile="full",
        profile_reason="src/train.py trains a model and app/serve.py serves it",
        scores=scores(controls, findings, INVALIDATING),
        suppressed=tuple(suppressed),
        attestations=(
            Attestation(
                "EVL-4", "met", "Model version 7 was reviewed by credit risk and legal; approved with a threshold of 0.42.",
                "maria.rossi@example.com", "2026-05-04", "2026-11-01", Location("pipeaudit-attestations.yaml", 3),
                state="expiring", role="Head of model risk", evidence=("docs/reviews/2026-05-churn.md", "ticket:RISK-812"),
            ),
        ),
        accepted=(
            AcceptedRisk(
                "PA902", "The vendor's scorer reads pickles only; migration is planned for the first quarter.",
                "maria.rossi@example.com", "Head of model risk", "2026-05-04", "2026-12-31",
                "The hash is checked before the load.", Location("pipeaudit-attestations.yaml", 14),
            ),
        ),
        files=files,
        left_out=(
            LeftOut("data/", "ignored by .gitignore"),
            LeftOut("models/churn.joblib", "binary model file, only its name is used"),
        ),
        sources=sources,
    )  # fmt: skip


def at(sources: dict[str, Source], path: str, needle: str, cell: int | None = None) -> Location:
    """Where a piece of a line stands."""
    text = sources[path].text if cell is None else sources[path].cells[cell].text
    for number, line in enumerate(text.split("\n"), 1):
        column = line.find(needle) + 1
        if column:
            return Location(path, number, column, number, column + len(needle), cell)
    raise AssertionError(f"{needle!r} is not in {path}")


def finding(
    rule: str,
    severity: Severity,
    confidence: Confidence,
    where: Location,
    message: str,
    *,
    kind: str | None = None,
    fix: str = "",
    related: tuple[Related, ...] = (),
    suppressed: str | None = None,
) -> Finding:
    info = RULES[rule]
    return Finding(
        rule, info.name, severity, confidence, info.stage, info.controls,
        Match(where, message, kind, confidence, None, related, fix, "main"),
        fingerprint(rule, kind, where.path, "main", message, 0), info.tier == "core", suppressed,
    )  # fmt: skip


def _rule(id: str, name: str, severity: Severity, stage: str, controls: str, tier: str, doc: str) -> RuleInfo:
    return RuleInfo(id, name, severity, HIGH, doc, stage, tuple(controls.split()), tier,
                    security_severity="8.0" if id.startswith("PA9") else "")  # fmt: skip


RULES = {
    rule.id: rule
    for rule in (
        _rule("PA102", "machine-specific-path", W, "collection", "TRN-3 PRE-1 COL-1", "core",
              "A path that exists on one person's machine only.\n\nBad:\n\n    read_csv(\"/home/ana/train.csv\")\n\n"
              "Good:\n\n    read_csv(\"data/train.csv\")"),
        _rule("PA201", "preprocessing-leakage", E, "preprocessing", "TRN-4 PRP-1 PRP-2 TRB-1 ANT-1", "core",
              "A transformer is fitted on rows that later evaluate the model.\n\nWhat it learns carries the test rows into "
              "training, so the score on the test set is better than the model."),
        _rule("PA203", "resampling-before-split", E, "preprocessing", "TRN-4 TRB-1", "core",
              "Rows are oversampled before the split, so copies of test rows are trained on."),
        _rule("PA220", "nan-equality", E, "preprocessing", "PRP-1", "core", "A comparison with NaN is never true."),
        _rule("PA301", "unseeded-split", W, "preprocessing", "TRN-3 TRN-4", "core",
              "A split that shuffles has no seed, so every run tests on other rows."),
        _rule("PA307", "undeclared-stage-parameter", W, "training", "TRN-2 TRN-3 PRP-4 TRB-3", "core",
              "A stage reads a parameter that it does not declare, so changing it does not rerun the stage."),
        _rule("PA312", "unpinned-environment", W, "training", "TRN-3 DEP-1", "default",
              "A machine-learning library has no exact version anywhere."),
        _rule("PA501", "model-loaded-per-request", W, "deployment", "DEP-4 MON-2", "default",
              "The model is loaded anew for every request."),
        _rule("PA512", "mutable-image-reference", W, "deployment", "DEP-1 DEP-2", "default",
              "An image is named by a tag that may mean another image tomorrow."),
        _rule("PA603", "no-drift-monitoring", N, "monitoring", "MON-1 TRB-1", "default",
              "A model is served and nothing compares its inputs with those it was trained on."),
        _rule("PA905", "hardcoded-credential", E, "other", "PRE-3", "core", "A credential is written into the code."),
        _rule("PA906", "unpinned-install", W, "deployment", "TRN-3 DEP-1", "default", "An install without a version."),
    )
}  # fmt: skip


def _findings(sources: dict[str, Source]) -> list[Finding]:
    train, serve = "src/train.py", "app/serve.py"
    split = at(sources, train, 'train_test_split(features, labels, test_size=params["test_size"])')
    score = at(sources, train, "roc_auc_score(y_test, model.predict_proba(x_test)[:, 1])")
    read = at(sources, train, 'pd.read_csv("data/subscriptions.csv")')
    return [
        finding("PA102", W, HIGH, at(sources, "src/prepare.py", "pd.read_csv(RAW)"),
                "reads `/home/dana/churn/exports/subscriptions.csv`, a path of one person's machine",
                fix="Take the path from `params.yaml` or make it relative to the repository.",
                related=(Related(at(sources, "src/prepare.py", "\"/home/dana/churn/exports/subscriptions.csv\""),
                                 "the path is written here"),)),
        finding("PA201", E, HIGH, at(sources, train, "scaler.fit_transform(rows)"),
                "`scaler` is fitted on all rows at line 21, before the split at line 24: the means and variances of the test "
                "rows go into training",
                kind="scaling", fix="Split first, then fit `scaler` on `x_train` alone, or put it into a `Pipeline` with the model.",
                related=(Related(read, "rows are read here"),
                         Related(at(sources, train, "scaler.fit_transform(rows)"), "scaled here, with all rows"),
                         Related(split, "split here"), Related(score, "evaluated here, on rows the scaler has seen"))),
        finding("PA203", E, HIGH, at(sources, train, "SMOTE().fit_resample(features, labels)"),
                "`SMOTE` makes new rows from all rows before the split at line 24: neighbours of test rows are trained on",
                fix="Resample `x_train` and `y_train` only, after the split.",
                related=(Related(split, "split here"), Related(score, "evaluated here"))),
        finding("PA301", W, HIGH, split, "`train_test_split` shuffles without `random_state`: every run tests on other rows",
                fix="Pass `random_state=params[\"seed\"]` and declare `train.seed` in dvc.yaml."),
        finding("PA307", W, HIGH, at(sources, train, "params[\"learning_rate\"]"),
                "stage `train` reads `train.learning_rate`, which dvc.yaml does not list under its `params`",
                kind="undeclared", fix="Add `train.learning_rate` to `params` of stage `train`.",
                related=(Related(at(sources, "dvc.yaml", "params:"), "the stage's parameters are declared here"),)),
        finding("PA312", W, HIGH, Location("requirements.txt"),
                "`scikit-learn`, `pandas`, `imbalanced-learn` and `pyyaml` have no exact version here or in a lock file",
                fix="Pin them, or commit a lock file."),
        finding("PA501", W, HIGH, at(sources, serve, "joblib.load(\"models/churn.joblib\")"),
                "`churn` loads `models/churn.joblib` on every request", fix="Load the model once, at start-up.",
                related=(Related(at(sources, serve, "@app.post(\"/churn\")"), "the handler begins here"),)),
        finding("PA512", W, HIGH, at(sources, "Dockerfile", "python:latest"),
                "base image `python:latest` may be another image tomorrow", fix="Name an exact tag and its digest."),
        finding("PA603", N, MEDIUM, at(sources, serve, "app = FastAPI()"),
                "`/churn` serves the model and nothing in this repository watches its inputs for drift"),
        finding("PA905", E, HIGH, at(sources, serve, "\"postgresql://churn:s3cr3t-9f2a@db.internal/warehouse\""),
                "the password of a database is written into the code", fix="Read it from the environment, and change the password."),
        finding("PA220", E, HIGH, at(sources, NOTEBOOK, "rows['plan'] == float('nan')", 5),
                "`== float('nan')` is false for every row, so `missing` is always empty", fix="Use `rows['plan'].isna()`."),
    ]  # fmt: skip


def _controls(sources: dict[str, Source], findings: list[Finding]) -> list[Control]:
    by_control: dict[str, list[str]] = {}
    for found in findings:
        for control in found.controls:
            by_control.setdefault(control, []).append(found.fingerprint)
    readme = Evidence(
        at(sources, "README.md", "# Churn"), "states what the model is for and who uses it", Strength.SUPPORTING
    )
    data = Evidence(
        at(sources, "README.md", "## Data"), "names the source of the data and how often it comes", Strength.SUPPORTING
    )
    lineage = Evidence(at(sources, "dvc.yaml", "data/subscriptions.csv"), "DVC versions `data/subscriptions.csv`")
    split = Evidence(
        at(sources, "src/train.py", "train_test_split(features"), "rows are split before the model is trained"
    )
    metric = Evidence(
        at(sources, "dvc.yaml", "metrics.json:"), "`metrics.json` is declared as a metric of stage `train`"
    )
    served = Evidence(at(sources, "app/serve.py", '@app.post("/churn")'), "the model answers `POST /churn`")
    image = Evidence(at(sources, "Dockerfile", "FROM python:latest"), "the service is packaged as an image")
    review = Evidence(
        Location("pipeaudit-attestations.yaml", 3), "attested by maria.rossi@example.com until 2026-11-01"
    )
    looked = Evidence(
        Location("."), "looked for a drift check (evidently, alibi-detect, nannyml) and for a monitoring stage"
    )
    rows: list[tuple[str, str, Status, tuple[Evidence, ...], str, str]] = [
        ("PRE-1", "Access to all data sources and collection logic", Status.PARTIAL, (data,), "collection code that others can run", "Read the export from a path that is not one person's."),
        ("PRE-2", "Defined use case and model objectives", Status.MET, (readme,), "", ""),
        ("PRE-3", "Tooling for version control and CI/CD", Status.PARTIAL, (Evidence(Location("dvc.yaml"), "data and models are under DVC"),), "a CI job", "Add a workflow that runs `dvc repro` and the tests."),
        ("PRE-4", "Agreement on success metrics and deployment environment", Status.NEEDS_ATTESTATION, (), "AUC >= <threshold> in <environment> was agreed by <roles> on <date>", "Sign the sentence in pipeaudit-attestations.yaml."),
        ("PRE-5", "Stakeholder map covering data, infra, legal, and business teams", Status.NEEDS_ATTESTATION, (), "contacts for data, infrastructure, legal and business are <...>", "Sign the sentence in pipeaudit-attestations.yaml."),
        ("COL-1", "Identify and document internal/external data sources", Status.MET, (data,), "", ""),
        ("COL-2", "Assess data availability, format, and access frequency", Status.MET, (data,), "", ""),
        ("COL-3", "Include metadata, consent flags, and collection timestamps", Status.UNMET, (Evidence(Location("."), "looked for consent and timestamp columns, and for a datasheet"),), "a consent flag or the legal basis of the data", "Record the legal basis in README.md, and filter by the consent flag."),
        ("COL-4", "Log data lineage and version", Status.MET, (lineage,), "", ""),
        ("PRP-1", "Normalize, transform, or impute missing values", Status.PARTIAL, (Evidence(at(sources, "src/train.py", "StandardScaler()"), "numeric fields are scaled"),), "the scaler fitted on training rows only", "Close PA201."),
        ("PRP-2", "Encode categorical variables and scale numeric fields", Status.PARTIAL, (Evidence(at(sources, "src/train.py", "StandardScaler()"), "numeric fields are scaled"),), "the scaler fitted on training rows only", "Close PA201."),
        ("PRP-3", "Handle outliers and anomalies", Status.UNMET, (Evidence(Location("."), "looked for clipping, quantile filters and anomaly detectors"),), "a step that treats outliers", "Clip or filter in src/prepare.py, or write down why none is needed."),
        ("PRP-4", "Version all preprocessing steps", Status.MET, (lineage,), "", ""),
        ("ANT-1", "Transformations in pipelines and under version control", Status.PARTIAL, (lineage,), "the scaler saved with the model", "Put scaler and model into one `Pipeline`."),
        ("TRN-1", "Select baseline algorithms and architectures", Status.PARTIAL, (), "a baseline to compare with", "Train a `DummyClassifier` next to the model."),
        ("TRN-2", "Define hyperparameter ranges and search strategy", Status.PARTIAL, (Evidence(at(sources, "params.yaml", "n_estimators: 300"), "hyperparameters are declared"),), "ranges and a search", "Declare ranges and search them on training rows."),
        ("TRN-3", "Implement reproducible training scripts", Status.PARTIAL, (Evidence(at(sources, "dvc.yaml", "cmd: python src/train.py"), "training is a script run by DVC"),), "a seed, and exact versions", "Close PA301 and PA312."),
        ("TRN-4", "Use training/validation/test splits or cross-validation", Status.PARTIAL, (split,), "a test set that nothing learned from", "Close PA201 and PA203."),
        ("ANT-2", "Models named, tagged and registered", Status.MET, (Evidence(at(sources, "dvc.yaml", "models/churn.joblib"), "the model is an output under DVC"),), "", ""),
        ("TIP-1", "Notebooks only for exploration", Status.MET, (Evidence(Location(NOTEBOOK, 1, cell=1), "the notebook reads and plots, and writes nothing that others read"),), "", ""),
        ("TRB-3", "Retraining overwrites nothing", Status.MET, (lineage,), "", ""),
        ("EVL-1", "Define and track relevant metrics", Status.PARTIAL, (metric,), "metrics measured on rows that nothing learned from", "Close PA201 and PA203."),
        ("EVL-2", "Compare models across time periods or segments", Status.UNMET, (Evidence(Location("."), "looked for metrics by segment or period"),), "metrics by plan or by month", "Report the AUC for each plan."),
        ("EVL-3", "Conduct fairness and sensitivity analysis", Status.UNMET, (Evidence(Location("."), "looked for fairlearn, aif360 and for metrics by group"),), "a comparison of groups", "Compare error rates by age group."),
        ("EVL-4", "Include stakeholder reviews where applicable", Status.ATTESTED, (review,), "", ""),
        ("ANT-3", "Metrics defined up front", Status.PARTIAL, (metric,), "a primary metric that is declared", "Set `primary-metric` in the configuration."),
        ("TRB-1", "Test data is like live data", Status.UNMET, (), "a comparison of test data and live inputs", "Close PA201, and compare live inputs with the test set."),
        ("DEP-1", "Package model for deployment", Status.PARTIAL, (image,), "exact versions in the image", "Close PA512."),
        ("DEP-2", "Define rollback strategy and release thresholds", Status.NEEDS_ATTESTATION, (), "rollback to the previous version was exercised on <date>, took <...>", "Describe the rollback, and sign for the last drill."),
        ("DEP-3", "Set up A/B testing or shadow deployments", Status.UNMET, (Evidence(Location("."), "looked for traffic splitting in manifests and code"),), "a second version that gets part of the traffic", "Serve a new version beside the old one first."),
        ("DEP-4", "Expose model via API, batch job, or internal tooling", Status.MET, (served,), "", ""),
        ("ANT-4", "Deployment with rollback and canary", Status.UNMET, (), "a deployment through CI with tests before it", "Deploy from CI, after the tests."),
        ("TRB-2", "The same pipeline artifacts across stages", Status.PARTIAL, (served,), "the scaler that training applied", "Save scaler and model as one object and load that."),
        ("MON-1", "Monitor prediction accuracy and data drift in real-time", Status.UNMET, (looked,), "a drift check on live inputs", "Compare the inputs of each week with `data/subscriptions.csv`."),
        ("MON-2", "Track latency, throughput, and resource consumption", Status.UNMET, (looked,), "a metrics endpoint", "Expose latency and throughput."),
        ("MON-3", "Log user feedback and error cases", Status.UNMET, (looked,), "a log of predictions and outcomes", "Log each prediction with the model's version."),
        ("MON-4", "Schedule retraining or model refresh based on thresholds", Status.NEEDS_ATTESTATION, (), "retraining criteria are <...>, last retrain <date>", "Sign the sentence in pipeaudit-attestations.yaml."),
        ("ANT-5", "Proactive monitoring with alerts and thresholds", Status.UNMET, (looked,), "an alert with a threshold", "Alert on drift and on latency."),
        ("TIP-2", "Validate pipeline components independently before full runs", Status.UNMET, (Evidence(Location("."), "looked for tests that reach src/prepare.py and src/train.py"),), "tests of the stages", "Test `prepare` and `train` on a small sample in CI."),
        ("TIP-3", "Treat pipeline creation as a collaborative artifact", Status.PARTIAL, (readme,), "an owner of the pipeline", "Add a CODEOWNERS file."),
        ("TIP-4", "Share visual diagrams of the pipeline with business stakeholders", Status.UNMET, (), "a diagram in the documentation", "Commit `pipeaudit graph --format svg` to the documentation."),
        ("TIP-5", "Include communication checkpoints in handoffs between teams", Status.NOT_APPLICABLE, (Evidence(Location("README.md"), "one team builds and runs the model"),), "", ""),
    ]  # fmt: skip
    return [
        Control(id, _group(id), title, status, evidence,
                tuple(by_control.get(id, ())) if status in (Status.PARTIAL, Status.UNMET) else (),
                (missing,) if missing else (), remedy)
        for id, title, status, evidence, missing, remedy in rows
    ]  # fmt: skip


def _group(id: str) -> str:
    return next(name for name, members in GROUPS.items() if {id, id.partition("-")[0]} & set(members.split()))


def _graph() -> Graph:
    def stage(name: str, kind: StageKind, system: str, path: str, line: int = 1, runs: str = "") -> Node:
        where = Location(path, line)
        declared = Stage(name, system, where, runs=(Program(runs),) if runs else ())
        return Node(f"{system}:{name}", name, kind, system, where, (declared,))

    stages = (
        stage("churn", StageKind.DEPLOYMENT, "python", "app/serve.py", 11),
        stage("prepare", StageKind.PREPROCESSING, "dvc", "dvc.yaml", 2, "src/prepare.py"),
        stage("train", StageKind.TRAINING, "dvc", "dvc.yaml", 6, "src/train.py"),
        stage("explore", StageKind.EXPLORATION, "notebook", NOTEBOOK),
    )
    artifacts = tuple(
        ArtifactNode(f"artifact:{name}", name, kind)
        for name, kind in (
            ("data/subscriptions.csv", ArtifactKind.DATASET),
            ("metrics.json", ArtifactKind.METRICS),
            ("models/churn.joblib", ArtifactKind.MODEL),
        )
    )
    edges = (
        Edge("artifact:data/subscriptions.csv", "dvc:train", "reads", Origin.DECLARED),
        Edge("artifact:data/subscriptions.csv", "notebook:explore", "reads", Origin.OBSERVED),
        Edge("artifact:models/churn.joblib", "python:churn", "reads", Origin.OBSERVED),
        Edge("dvc:prepare", "artifact:data/subscriptions.csv", "writes", Origin.DECLARED),
        Edge("dvc:train", "artifact:metrics.json", "writes", Origin.DECLARED),
        Edge("dvc:train", "artifact:models/churn.joblib", "writes", Origin.DECLARED),
    )
    kinds = {
        1: ("collection", "exploration"),
        2: ("exploration",),
        4: ("preprocessing", "exploration"),
        5: ("exploration",),
    }
    return Graph(stages, artifacts, edges, tuple(CellKinds(NOTEBOOK, cell, found) for cell, found in kinds.items()))


def _sources() -> dict[str, Source]:
    paths = sorted(path for path in ROOT.rglob("*") if path.is_file() and path.name != "draft.ipynb")
    return {path.relative_to(ROOT).as_posix(): _source(path) for path in paths}


def _source(path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return Source(text)
    lines = text.split("\n")
    cells, number = [], 0
    for cell in json.loads(text)["cells"]:
        physical = []
        for line in cell["source"]:
            number = lines.index(f"    {json.dumps(line)}" + ("," if line.endswith("\n") else ""), number)
            physical.append((number + 1, 6))
        cells.append(CellSource("".join(cell["source"]), tuple(physical), cell["id"]))
    return Source(text, tuple(cells))


def _digest(of: str) -> str:
    return hashlib.sha256(of.encode()).hexdigest()


def counts(audited: Audit) -> Counter[str]:
    return Counter(found.severity.value for found in audited.findings)
