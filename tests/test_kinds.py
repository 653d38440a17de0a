"""What a stage is for, by its name alone, and by code that shows no more than a name does."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeaudit import engine
from pipeaudit.link.kinds import kind_of_name
from pipeaudit.request import Request

NAMES = {
    "train": "training",
    "02_train_model.py": "training",
    "churn_training_pipeline": "training",
    "section_07_deploy_app_to_railway": "deployment",
    "WeaviateDocumentIngestOperator": "collection",
    "evaluate_model": "evaluation",
    "load_test_images": "collection",
    "feature_importance": "preprocessing",
    "secrets_ready": "other",
    "build_scoring_image": "other",
    "fetch_train_data": "collection",
    "churn_model": "training",
    "ingest_docs": "collection",
    # A verb in the midst of a name tells of what the stage works on.
    "syn_train_read_label": "other",
    "list_train_files": "other",
    "list_training_files": "other",
    "distributed-training-worker-1": "training",
    "retrieval_evaluation_small": "evaluation",
    # What is said of software is not said of a model.
    "smoke_test_service": "other",
    "deploy-docs": "other",
}
JOBS = {
    "deploy-model": "deployment",
    "test": "other",
    "test-read-config": "other",
    "code-formatting-check": "other",
    "unit-tests": "other",
    "argocd-server": "other",
    "kube-state-metrics": "other",
    "models-web": "other",
}

DEPLOY = """import logging

logging.basicConfig(level=logging.INFO)
logger = logging.getLogger(__name__)
logger.info("released")
"""


@pytest.mark.parametrize(("name", "kind"), NAMES.items())
def test_a_name_says_what_it_begins_or_ends_with(name: str, kind: str) -> None:
    assert kind_of_name(name).value == kind


@pytest.mark.parametrize(("name", "kind"), JOBS.items())
def test_a_job_is_no_stage_of_a_model_by_the_words_of_software(name: str, kind: str) -> None:
    assert kind_of_name(name, is_job=True).value == kind


def test_logging_makes_no_stage_a_monitor(tmp_path: Path) -> None:
    (tmp_path / "deploy.py").write_text(DEPLOY)
    (tmp_path / "dvc.yaml").write_text("stages:\n  deploy:\n    cmd: python deploy.py\n")
    audit, _ = engine.audit(Request(root=tmp_path))
    assert {stage.name: stage.kind.value for stage in audit.graph.stages} == {"deploy": "deployment"}
