"""Which kind of pipeline stage the roles of calls belong to."""

from __future__ import annotations

from pipeaudit.model.pipeline import StageKind

_ROLES: dict[StageKind, str] = {
    StageKind.COLLECTION: "read download query generate load_dataset",
    StageKind.EXPLORATION: "inspect plot profile",
    StageKind.PREPROCESSING: """transform fit_transformer apply_transformer encode impute scale select_features reduce
        resample augment tokenize join filter split validate_data feature_store_read feature_store_write write_data""",
    StageKind.TRAINING: """construct_model train search load_pretrained optimizer loss backward step zero_grad callback
        save_model log_param""",
    StageKind.EVALUATION: """predict evaluate metric log_metric explain fairness slice calibrate test_assert report""",
    StageKind.DEPLOYMENT: "export package register promote serve deploy load_model gate rollout",
    StageKind.MONITORING: "monitor drift instrument alert capture feedback",
}
KIND_OF_ROLE: dict[str, StageKind] = {role: kind for kind, roles in _ROLES.items() for role in roles.split()}
# Most specific first.
SPECIFIC: tuple[StageKind, ...] = (
    StageKind.DEPLOYMENT,
    StageKind.TRAINING,
    StageKind.EVALUATION,
    StageKind.MONITORING,
    StageKind.PREPROCESSING,
    StageKind.COLLECTION,
    StageKind.EXPLORATION,
)
