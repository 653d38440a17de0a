from pipeaudit.rule import Confidence, ConfigNode, Iterator, Match, Project, Severity, StageKind, rule


@rule(
    "PA516",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.DEPLOYMENT,
    controls=("DEP-3", "ANT-4", "DEP-2"),
)
def rollout_without_analysis(project: Project) -> Iterator[Match]:
    """A canary gets more and more traffic by the clock: nothing looks at how it does.

    A faulty model reaches everybody a few minutes later than without a canary.

    Bad, in rollout.yaml:

        apiVersion: argoproj.io/v1alpha1
        kind: Rollout
        metadata: {name: scorer}
        spec:
          strategy:
            canary:
              steps:
                - setWeight: 20
                - pause: {duration: 10m}

    Good, in rollout.yaml:

        apiVersion: argoproj.io/v1alpha1
        kind: Rollout
        metadata: {name: scorer}
        spec:
          strategy:
            canary:
              steps:
                - setWeight: 20
                - analysis: {templates: [{templateName: error-rate}]}

    Fix: let an analysis of the error rate and of the model's own metric decide, or a person (`pause: {}`).

    Not seen: decisions that a pipeline outside the cluster takes. KServe's `canaryTrafficPercent` has no analysis; only
    a canary that stays at all of the traffic is told.

    Source: ML Test Score, Infra 6.
    """
    for document in project.manifests:
        kind = document.get("kind").text
        judge = {"Rollout": _argo, "Canary": _flagger, "InferenceService": _kserve}.get(kind)
        if judge is not None:
            yield from judge(document)
    for path in project.repository.glob("*.yaml", "*.yml", "*.json"):
        if "EndpointConfig" in project.repository.text(path) and "BlueGreenUpdatePolicy" in project.repository.text(
            path
        ):
            for document in project.repository.nodes(path):
                yield from _sagemaker(document)


def _match(node: ConfigNode, message: str, fix: str) -> Match:
    return Match(node.at, message, confidence=Confidence.HIGH, fix=fix)


def _argo(document: ConfigNode) -> Iterator[Match]:
    canary = document.get("spec", "strategy", "canary")
    steps = canary.list("steps")
    if not canary or not steps:
        return
    by_hand = any(step.get("pause") and not step.get("pause").get("duration") for step in steps)
    analysed = canary.get("analysis") or any(step.get("analysis") or step.get("experiment") for step in steps)
    if not by_hand and not analysed:
        name = document.get("metadata", "name").text
        key = document.get("spec", "strategy").key("canary")
        yield _match(
            key, f"rollout `{name}` goes on without an analysis", "Add an analysis step, or a pause for a person."
        )


def _flagger(document: ConfigNode) -> Iterator[Match]:
    name = document.get("metadata", "name").text
    if not document.get("apiVersion").text.startswith("flagger.app"):
        return
    skipped = document.get("spec", "skipAnalysis")
    analysis = document.get("spec", "analysis") or document.get("spec", "canaryAnalysis")
    if skipped.boolean:
        yield _match(skipped, f"canary `{name}` skips its analysis", "Remove skipAnalysis.")
    elif not analysis.get("metrics").elements and not analysis.get("webhooks").elements:
        yield _match(analysis or document, f"canary `{name}` looks at no metric", "Name metrics with thresholds.")


def _kserve(document: ConfigNode) -> Iterator[Match]:
    share = document.get("spec", "predictor", "canaryTrafficPercent")
    if share.number == 100:
        name = document.get("metadata", "name").text
        yield _match(share, f"the canary of `{name}` has all of the traffic", "Remove the line once it is promoted.")


def _sagemaker(document: ConfigNode) -> Iterator[Match]:
    """Endpoints of a CloudFormation template that shift traffic and can't take it back on their own."""
    for _, resource in document.items("Resources"):
        deployment = resource.get("Properties", "DeploymentConfig")
        if deployment.get("BlueGreenUpdatePolicy") and not deployment.get("AutoRollbackConfiguration"):
            yield _match(deployment, "traffic is shifted, and no alarm takes it back", "Add AutoRollbackConfiguration.")
