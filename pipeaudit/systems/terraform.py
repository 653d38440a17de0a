"""Terraform: resources that train, serve, watch, schedule or run something are stages, after what they refer to.

A folder is a module, as its engine has it. Modules are read where they lie, and not once for each use.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import dirname
from typing import TYPE_CHECKING

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Program, StageKind
from pipeaudit.read.error import ReadError
from pipeaudit.system import Declared, Problem, Sources, Stage, repository_system

if TYPE_CHECKING:
    from pipeaudit.read.hcl import Attribute, Block

_OF_MODELS = (
    "aws_sagemaker_",
    "google_vertex_ai_",
    "google_ml_engine_",
    "google_notebooks_",
    "azurerm_machine_learning_",
    "databricks_job",
    "databricks_model_serving",
    "databricks_pipeline",
)
_SCHEDULES = frozenset("aws_cloudwatch_event_rule aws_scheduler_schedule google_cloud_scheduler_job".split())
_RUNNERS = frozenset(
    """aws_sfn_state_machine aws_lambda_function aws_ecs_service aws_batch_job_definition google_cloud_run_service
    google_cloud_run_v2_service google_cloud_run_v2_job google_cloudfunctions_function google_cloudfunctions2_function
    google_workflows_workflow azurerm_container_app kubernetes_deployment kubernetes_deployment_v1 kubernetes_job
    kubernetes_job_v1 kubernetes_cron_job kubernetes_cron_job_v1""".split()
)
_ON_THIS_MACHINE = frozenset(("null_resource", "terraform_data"))
_KINDS = (
    (StageKind.MONITORING, ("monitoring_schedule", "quality_job_definition", "bias_job", "explainability_job")),
    (StageKind.DEPLOYMENT, ("endpoint", "sagemaker_model", "deployment", "model_serving", "deployed_model")),
    (StageKind.EXPLORATION, ("notebook", "workbench", "studio")),
)
_MODELS = frozenset("model_data_url model_data artifact_uri model_uri deployment_uri s3_uri".split())
_HERE = "{}/"  # how `${path.module}/` reads


@dataclass(frozen=True, slots=True)
class _Resource:
    type: str
    name: str
    path: str
    block: Block

    @property
    def address(self) -> str:
        return f"{self.type}.{self.name}"


@repository_system("terraform", "*.tf")
def stages(sources: Sources) -> Iterator[Declared]:
    modules: dict[str, list[str]] = {}
    for path in sources.paths:
        if path.endswith(".tf") and not path.endswith(("_override.tf", "/override.tf")):
            modules.setdefault(dirname(path), []).append(path)
    for folder, paths in modules.items():
        yield from _module(folder, paths, sources)


def _module(folder: str, paths: list[str], sources: Sources) -> Iterator[Declared]:
    from pipeaudit.read import hcl

    resources: dict[str, _Resource] = {}
    local: dict[str, Attribute] = {}
    is_whole = True
    for path in paths:
        try:
            blocks = hcl.parse(path, sources.data(path) or b"")
        except ReadError as error:
            yield Problem(error.path, error.line, error.why)
            is_whole = False
            continue
        for block in blocks:
            if block.kind == "locals":
                local.update({attribute.name: attribute for attribute in block.attributes})
            if block.kind == "resource" and len(block.labels) > 1:
                made = _Resource(block.labels[0], block.labels[1], path, block)
                if made.address in resources:
                    first = resources[made.address]
                    place = f"line {first.block.line}" if first.path == path else first.path
                    yield Problem(path, block.line, f"resource `{made.address}` is declared at {place}, too")
                resources.setdefault(made.address, made)
    found = {address: one for address, one in resources.items() if _is_stage(one)}
    before: dict[str, list[str]] = {address: [] for address in found}
    for address, one in resources.items():
        referred = _referred(one, resources, local)
        if one.type == "aws_cloudwatch_event_target":  # joins a schedule with what it starts
            rules = [other for other in referred if other in found and found[other].type in _SCHEDULES]
            for started in referred:
                if started in found and started not in rules:
                    before[started] += rules
        for other in referred:
            if address in found and other in found:
                earlier, later = (address, other) if one.type in _SCHEDULES else (other, address)
                before[later].append(earlier)
        if is_whole and address in found:
            yield from _undeclared(one, resources)
    for address, one in found.items():
        yield _stage(folder, one, tuple(dict.fromkeys(before[address])))


def _is_stage(one: _Resource) -> bool:
    if one.type in _ON_THIS_MACHINE:
        return any(True for _ in _commands(one))
    return one.type.startswith(_OF_MODELS) or one.type in _SCHEDULES or one.type in _RUNNERS


def _referred(one: _Resource, resources: dict[str, _Resource], local: dict[str, Attribute]) -> list[str]:
    """Addresses of the module's resources that one refers to, through its locals too."""
    waiting = [name for block in one.block.walk() for held in block.attributes for name in held.references]
    found: dict[str, None] = {}
    seen: set[str] = set()
    while waiting:
        parts = waiting.pop().split(".")
        address = ".".join(parts[:2])
        if address in seen:
            continue
        seen.add(address)
        if address in resources and address != one.address:
            found[address] = None
        elif parts[0] == "local" and parts[1] in local:
            waiting += local[parts[1]].references
    return list(found)


def _undeclared(one: _Resource, resources: dict[str, _Resource]) -> Iterator[Problem]:
    seen: set[str] = set()
    for block in one.block.walk():
        for held in block.attributes:
            for reference in held.references:
                address = ".".join(reference.split(".")[:2])
                if address.startswith(_OF_MODELS) and address not in resources and address not in seen:
                    seen.add(address)
                    yield Problem(
                        one.path,
                        held.line,
                        f"`{one.address}` refers to `{address}`, which this module does not declare",
                    )


def _stage(folder: str, one: _Resource, before: tuple[str, ...]) -> Stage:
    models = [
        held.value
        for block in one.block.walk()
        for held in block.attributes
        if held.name in _MODELS and held.value and "://" in held.value
    ]
    return Stage(
        name=one.name,
        system="terraform",
        at=Location(one.path, one.block.line),
        key=f"{folder or '.'}:{one.address}",
        reads=tuple(dict.fromkeys(models)),
        after=tuple(f"{folder or '.'}:{earlier}" for earlier in before),
        runs=tuple(Program(command=command, folder=folder) for command in _commands(one)),
        kind=next((kind for kind, words in _KINDS if _is_of_models(one) and any(w in one.type for w in words)), None),
        pipeline=folder or ".",
        note="; ".join([one.type, *_notes(one)]),
    )


def _is_of_models(one: _Resource) -> bool:
    return one.type.startswith(_OF_MODELS)


def _commands(one: _Resource) -> Iterator[str]:
    """What a provisioner runs on the machine that applies; paths from the module's own folder."""
    for block in one.block.blocks:
        if block.kind == "provisioner" and block.labels[:1] == ("local-exec",):
            held = block.attribute("command")
            for text in held.strings if held is not None else ():
                yield text.replace(_HERE, "")


def _notes(one: _Resource) -> Iterator[str]:
    for name in ("schedule_expression", "schedule"):
        held = one.block.attribute(name)
        if held is not None:
            yield f"on the schedule {held.value}" if held.value else "on a schedule that is set elsewhere"
    if one.block.attribute("for_each") is not None:
        yield "one of many"
