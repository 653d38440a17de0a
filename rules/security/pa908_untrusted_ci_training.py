import re

from pipeaudit.rule import Confidence, ConfigNode, Iterator, Match, Project, Severity, StageKind, rule

_HEAD = re.compile(r"github\.(?:event\.pull_request\.head|head_ref|event\.workflow_run\.head)")
_SAID = re.compile(
    r"\$\{\{\s*github\.(?:event\.(?:pull_request\.(?:title|body|head\.ref)|issue\.|comment\.|head_commit\.message)|head_ref)"
)


@rule(
    "PA908",
    Severity.ERROR,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.OTHER,
    controls=("PRE-3", "ANT-4"),
    security_severity="8.1",
)
def untrusted_ci_training(project: Project) -> Iterator[Match]:
    """CI runs the pipeline of a stranger's pull request with the secrets, or on the machines, of the project.

    A pull request can then take the cloud keys, change the registered models, or stay on the GPU machine.

    Bad, in .github/workflows/train.yml:

        on: pull_request_target
        jobs:
          train:
            runs-on: ubuntu-latest
            steps:
              - uses: actions/checkout@v4
                with: {ref: "${{ github.event.pull_request.head.sha }}"}
              - run: dvc repro
                env: {AWS_SECRET_ACCESS_KEY: "${{ secrets.AWS_SECRET_ACCESS_KEY }}"}

    Good, in .github/workflows/train.yml:

        on: pull_request
        jobs:
          train:
            runs-on: ubuntu-latest
            steps:
              - uses: actions/checkout@v4
              - run: dvc repro

    Fix: train pull requests without secrets (`pull_request`), and let a second workflow that trusts only the main
    branch deploy; guard machines of one's own with an environment that asks a person.

    Not seen: what reusable workflows do, and settings of the platform. General hygiene of Actions is left to zizmor.

    Source: SSDF PO.5 and PS.1; zizmor dangerous-triggers.
    """
    pipelines = {e.at.path for e in project.evidence("ci-runs-pipeline", "ci-deploys")}
    for path in project.repository.glob("/.github/workflows/*.yml", "/.github/workflows/*.yaml"):
        for document in project.repository.nodes(path)[:1]:
            for name, job in document.items("jobs"):
                yield from _job(document, name, job, path in pipelines)


def _job(document: ConfigNode, name: ConfigNode, job: ConfigNode, runs_pipeline: bool) -> Iterator[Match]:
    events = {node.raw for node in (document.names("on") or document.names("true"))}
    trusted = (
        bool(job.get("environment")) or "author_association" in job.get("if").text or "label" in job.get("if").text
    )
    if trusted or not runs_pipeline:
        return
    head = next((s for s in job.list("steps") if _HEAD.search(s.get("with", "ref").text)), None)
    if head is not None and events & {"pull_request_target", "workflow_run", "issue_comment"}:
        yield Match(
            head.get("with", "ref").at,
            f"job `{name.raw}` runs code of a pull request with the rights and secrets of this repository",
            confidence=Confidence.MEDIUM,
            fix="Use pull_request, and keep secrets out of it.",
        )
    for step in job.list("steps"):
        if _SAID.search(step.get("run").text):
            yield Match(
                step.get("run").at,
                f"job `{name.raw}` puts words of a stranger into a command",
                confidence=Confidence.MEDIUM,
                fix="Hand them over in an environment variable.",
            )
    labels = " ".join(job.strings("runs-on")) or job.get("runs-on", "labels").text
    if "self-hosted" in labels and "pull_request" in events:
        yield Match(
            job.get("runs-on").at,
            f"job `{name.raw}` runs code of pull requests on a machine of one's own",
            confidence=Confidence.MEDIUM,
            fix="Ask for a person's approval first, or use hosted runners.",
        )
