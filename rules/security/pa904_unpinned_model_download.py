import re

from pipeaudit.rule import Confidence, Event, Iterator, Match, Project, Scope, Severity, is_example, is_test, rule

_REMOTE = re.compile(r"^[A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9][\w.-]{0,95})?$")
_FILE = re.compile(
    r"\.(?:pt|pth|bin|onnx|pkl|h5|json|safetensors|ckpt|keras|joblib|tar|gz|zip|yaml|yml)$", re.IGNORECASE
)
_NAMES = ("repo_or_dir", "pretrained_model_name_or_path", "model_name_or_path", "repo_id", "name", "model", "0")
_PINS = ("revision", "version", "commit_hash", "**")


@rule(
    "PA904",
    Severity.NOTE,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("DEP-1", "ANT-2", "TRN-3"),
    scope=Scope.PROJECT,
    security_severity="3.0",
)
def unpinned_model_download(project: Project) -> Iterator[Match]:
    """A model is taken from a hub by its name, in whatever version lies there.

    Its owner can change or remove it: the same code then gives other results, or another model.

    Bad:

        from transformers import pipeline

        classify = pipeline("text-classification", model="org/model")

    Good:

        from transformers import pipeline

        classify = pipeline("text-classification", model="org/model", revision="4f1c9a5e")

    Fix: `revision="<commit>"`. One finding for each model in a file.

    Not seen: names that come from variables which are not known. Local paths, and weights that are enumerated by
    version, are left out.

    Source: SSDF PW.4; EU AI Act, Annex IV 2(a).
    """
    for path in sorted(project.programs):
        if is_test(path) or is_example(path):
            continue
        told: set[object] = set()
        for event in project.programs[path].of("load_pretrained"):
            name = _remote(project, event)
            if name is None or name in told or any(pin in event.arguments for pin in _PINS):
                continue
            told.add(name)
            yield Match(
                event.at,
                f"`{event.short}` takes `{name}` in whatever version the hub has",
                confidence=Confidence.HIGH,
                fix='Pass revision="<commit>".',
                symbol=event.function,
            )


def _remote(project: Project, event: Event) -> str | None:
    """The hub's name of what is loaded; None for local folders and for what is not known."""
    for argument in _NAMES:
        if argument == "model" and "task" not in event.arguments:
            continue  # the name of a model that somebody else serves
        name = event.constant(argument)
        if not isinstance(name, str):
            continue
        if ":" in name and argument == "repo_or_dir":
            return None
        if _REMOTE.match(name) and not _FILE.search(name) and not _is_here(project, name):
            return name
        return None
    return None


def _is_here(project: Project, name: str) -> bool:
    return name in project.repository or any(path.startswith(f"{name}/") for path in project.repository.paths)
