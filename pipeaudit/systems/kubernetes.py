"""Kubernetes: workloads, model servers, and what routes to them, scales and watches them, are stages.

Each is one stage, however many files declare it. Of charts' templates, those without expressions are read.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from posixpath import basename, dirname

from pipeaudit.model.pipeline import Program, StageKind
from pipeaudit.read.error import ReadError
from pipeaudit.read.node import Node
from pipeaudit.system import Declared, Problem, Sources, Stage, repository_system, resolve

_POD = {
    "Pod": (),
    "CronJob": ("jobTemplate", "spec", "template"),
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Rollout"), ("template",)),
}
_SELECTING = frozenset(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"))
_KINDS = {
    **dict.fromkeys(
        "InferenceService LLMInferenceService SeldonDeployment BentoDeployment".split(), StageKind.DEPLOYMENT
    ),
    **dict.fromkeys("Rollout Canary VirtualService HorizontalPodAutoscaler ScaledObject".split(), StageKind.DEPLOYMENT),
    **dict.fromkeys("PrometheusRule ServiceMonitor PodMonitor".split(), StageKind.MONITORING),
}
_SERVICE = "Service"
_WANTED = re.compile(
    rb"^kind:[ \t]*[\"']?(?:%s)[\"']?[ \t]*(?:#.*)?\r?$" % "|".join((*_POD, *_KINDS, _SERVICE)).encode(), re.MULTILINE
)
_MODELS = frozenset(("storageUri", "modelUri", "storage_uri"))
_ASIDE = frozenset("test tests testing e2e third_party vendor vendored node_modules site-packages crd crds".split())
_CRON = re.compile(r"@[a-z]{1,20}|(?:(?:CRON_TZ|TZ)=\S{1,60} )?\S+(?: +\S+){4}")
_SHELLS = frozenset(("sh", "bash", "ash", "dash"))
_BUILDING = (".sh", ".yml", ".yaml", ".mk", "akefile", "enkinsfile")
_NO_QUOTES = str.maketrans("[],'\"", "     ")
_WORDS_OF_A_LINE = 60
_LARGEST_SCRIPT = 200_000


@dataclass(slots=True)
class _Object:
    """What files declare under one kind and name; `node` is the fullest of them, `others` counts the rest."""

    kind: str
    name: str
    node: Node
    others: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.name}"


@repository_system("kubernetes", "*.yaml", "*.yml", containing=(b"apiVersion:",))
def stages(sources: Sources) -> Iterator[Declared]:
    objects: dict[str, _Object] = {}
    for path in sources.paths:
        if path.endswith((".yaml", ".yml")) and _ASIDE.isdisjoint(path.split("/")[:-1]):
            yield from _gather(path, sources, objects)
    if not objects:
        return
    found = list(objects.values())
    images = _images(sources)
    for one in found:
        if one.kind != _SERVICE and not _is_patch(one):
            yield from _faults(one)
            yield _stage(one, found, images, sources)


def _gather(path: str, sources: Sources, objects: dict[str, _Object]) -> Iterator[Problem]:
    from pipeaudit.read import yaml

    data = sources.data(path)
    if data is None or b"apiVersion:" not in data or not _WANTED.search(data) or _is_template(path, data, sources):
        return
    try:
        documents = yaml.chosen(path, data, _WANTED.search)
    except ReadError as error:
        yield Problem(error.path, error.line, error.why)
        return
    here: dict[tuple[str, str], int] = {}
    for node in documents:
        kind, metadata = node.get("kind").text, node.get("metadata")
        name = metadata.get("name").text or metadata.get("generateName").text.rstrip("-")
        if not node.get("apiVersion").text or not name:
            continue
        one = objects.setdefault(f"{kind}/{name}", _Object(kind, name, node))
        if one.node is not node:
            if _fullness(_Object(kind, name, node)) > _fullness(one):
                one.node, node = node, one.node
            one.others.append(node.path)
        place = (f"{kind}/{name}", metadata.get("namespace").text)
        if place in here and "{{" not in name:
            yield Problem(path, node.line, f"{kind} `{name}` is declared at line {here[place]}, too")
        here.setdefault(place, node.line)


def _is_template(path: str, data: bytes, sources: Sources) -> bool:
    """Whether it is a chart's template with expressions, which is no YAML before it is filled."""
    if b"{{" not in data:
        return False
    folder = dirname(path)
    while folder:
        folder, _, last = folder.rpartition("/")
        if last == "templates" and f"{folder}/Chart.yaml".lstrip("/") in sources:
            return True
    return False


def _fullness(one: _Object) -> tuple[bool, int]:
    """What an overlay changes of an object may name its image, and says less than the object all the same."""
    return not _is_patch(one), sum(1 for _ in one.node.walk())


def _is_patch(one: _Object) -> bool:
    """Whether a workload is only what an overlay changes of it: no container of it says which image it runs."""
    containers = _containers(one)
    if one.kind not in _POD or one.node.get("spec", "workloadRef"):
        return False
    return not any(container.get("image").text or container.get("command") for container in containers)


def _pod(one: _Object) -> Node:
    return one.node.get("spec", *_POD[one.kind]) if one.kind in _POD else one.node.get("spec")


def _containers(one: _Object) -> list[Node]:
    """Containers at any depth: model servers have them in each of their components."""
    return [
        container
        for key, value in one.node.pairs()
        if key.raw in ("initContainers", "containers")
        for container in value.elements
    ]


def _stage(one: _Object, objects: list[_Object], images: Mapping[str, str], sources: Sources) -> Stage:
    containers = _containers(one)
    models = [value.text for key, value in one.node.pairs() if key.raw in _MODELS and "://" in value.text]
    built = [images[name] for c in containers if (name := _last_name(c.get("image").text)) in images]
    return Stage(
        name=one.name,
        system="kubernetes",
        at=one.node.get("metadata").key("name").at if one.node.get("metadata", "name") else one.node.at,
        key=one.key,
        reads=tuple(dict.fromkeys([*models, *(f"image:{path}" for path in built)])),
        after=tuple(dict.fromkeys(_targets(one, objects))),
        runs=tuple(program for container in containers for program in _runs(container, images, sources)),
        kind=_KINDS.get(one.kind),
        pipeline=one.node.path,
        note="; ".join(_notes(one)),
    )


def _images(sources: Sources) -> dict[str, str]:
    """Image files by the names that they alone are known under: as commands build them, by folder, by their suffix."""
    from pipeaudit.read import dockerfile

    found: dict[str, set[str]] = {}
    for path in sources.paths:
        if "ockerfile" in path and dockerfile.is_dockerfile(path):
            name = basename(path)
            suffix = name.partition(".")[2] if name.lower().startswith("dockerfile") else name.rpartition(".")[0]
            found.setdefault(suffix or basename(dirname(path)), set()).add(path)
    if found:
        for path in sources.paths:
            if path.endswith(_BUILDING):
                for name, built in _built(path, sources):
                    found.setdefault(name, set()).add(built)
    return {name: min(paths) for name, paths in found.items() if name and len(paths) == 1}


def _built(path: str, sources: Sources) -> Iterator[tuple[str, str]]:
    """Images that lines of a script, a Makefile or a CI file build, by name: `docker build -t acme/serve:1 serve`."""
    data = sources.data(path) or b""
    if len(data) > _LARGEST_SCRIPT or b"build" not in data or not (b"-t" in data or b"--tag" in data):
        return
    for line in sources.text(path).replace("\\\n", " ").split("\n"):
        words = line.translate(_NO_QUOTES).split()[:_WORDS_OF_A_LINE] if "build" in line else []
        if "build" not in words:
            continue
        options = dict(pairwise(words))
        name = _last_name(options.get("-t", "") or options.get("--tag", ""))
        context = next((word for word in reversed(words) if not word.startswith(("-", "&", ">"))), "")
        file = options.get("-f") or options.get("--file") or f"{context.rstrip('/')}/Dockerfile"
        for folder in ("", dirname(path)):
            place = resolve(folder, file)
            if name and "$" not in name and place in sources:
                yield name, place
                break


def _last_name(image: str) -> str:
    """The last name of an image: `acme/serve:1.2` is called serve."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def _runs(container: Node, images: Mapping[str, str], sources: Sources) -> Iterator[Program]:
    """What a container starts: its own command, else that of its image where it is built here."""
    words = [*container.strings("command"), *container.strings("args")]
    if len(words) > 2 and words[0].rpartition("/")[2] in _SHELLS and words[1].startswith("-"):
        yield Program(command="\n".join(words[2:]))
    elif words and container.get("command"):
        yield Program(command=shlex.join(words))
    elif built := images.get(_last_name(container.get("image").text)):
        from pipeaudit.read import dockerfile

        with suppress(ReadError):  # which the image's own system tells
            if start := dockerfile.parse(built, sources.data(built) or b"").start:
                yield Program(command=start, folder=dirname(built))


def _targets(one: _Object, objects: list[_Object]) -> Iterator[str]:
    """Keys of the objects that this one is about: what it scales, routes to, rolls out or watches."""
    spec = one.node.get("spec")
    for reference in ("scaleTargetRef", "targetRef", "workloadRef"):
        kind, name = spec.get(reference, "kind").text or "Deployment", spec.get(reference, "name").text
        yield from (other.key for other in objects if (other.kind, other.name) == (kind, name))
    if one.kind == "VirtualService":
        hosts = {host.text.partition(".")[0] for key, host in one.node.pairs() if key.raw == "host" and host.text}
        for other in objects:
            if other.kind == _SERVICE and other.name in hosts:
                yield from _selected(other.node.get("spec", "selector"), objects)
            elif other.kind == "InferenceService" and any(host.startswith(f"{other.name}-") for host in hosts):
                yield other.key
    elif one.kind == "PodMonitor":
        yield from _selected(spec.get("selector", "matchLabels"), objects)
    elif one.kind == "ServiceMonitor":
        wanted = spec.get("selector", "matchLabels")
        for other in objects:
            if other.kind == _SERVICE and _fits(wanted, other.node.get("metadata", "labels")):
                yield from _selected(other.node.get("spec", "selector"), objects)


def _selected(selector: Node, objects: list[_Object]) -> Iterator[str]:
    for other in objects:
        if other.kind in _POD and _fits(selector, _pod(other).get("metadata", "labels")):
            yield other.key


def _fits(selector: Node, labels: Node) -> bool:
    pairs = selector.entries
    return bool(pairs) and all(labels.get(key.raw).text == value.text for key, value in pairs)


def _notes(one: _Object) -> Iterator[str]:
    spec = one.node.get("spec")
    if schedule := spec.get("schedule").text:
        yield f"on the schedule {schedule}"
    if share := spec.get("predictor", "canaryTrafficPercent").text:
        yield f"a canary gets {share}% of the traffic"
    if one.kind == "VirtualService":
        routes = [route for key, value in one.node.pairs() if key.raw == "route" for route in value.elements]
        shares = [f"{route.get('weight').text}% to {_route(route)}" for route in routes if route.get("weight").text]
        if shares:
            yield ", ".join(shares)
    if one.kind == "PrometheusRule":
        alerts = [value.text for key, value in one.node.pairs() if key.raw == "alert" and value.text]
        if alerts:
            yield f"alerts {', '.join(alerts[:5])}"
    if one.others:
        yield f"declared in {len(one.others)} more place{'s' if len(one.others) > 1 else ''}"


def _route(route: Node) -> str:
    return route.get("destination", "subset").text or route.get("destination", "host").text


def _faults(one: _Object) -> Iterator[Problem]:
    """What a cluster refuses."""
    spec = one.node.get("spec")
    path, what = one.node.path, f"{one.kind} `{one.name}`"
    if one.kind in _SELECTING:
        wanted, labels = spec.get("selector", "matchLabels"), _pod(one).get("metadata", "labels")
        if wanted.entries and labels.entries and not _fits(wanted, labels) and "{{" not in repr(labels.plain()):
            yield Problem(path, wanted.line, f"{what} selects labels that its own template does not have")
    if one.kind == "CronJob":
        schedule = spec.get("schedule")
        if not schedule.text:
            yield Problem(path, spec.line, f"{what} has no schedule")
        elif not any(sign in schedule.text for sign in "{$") and not _CRON.fullmatch(schedule.text.strip()):
            yield Problem(path, schedule.line, f"{what} has the schedule `{schedule.text[:40]}`, which is no cron line")
    if one.kind in ("Job", "CronJob"):
        policy = _pod(one).get("spec", "restartPolicy")
        if policy.text == "Always":
            yield Problem(path, policy.line, f"{what} can't restart always: OnFailure and Never are possible")
    if one.kind == "HorizontalPodAutoscaler":
        least, most = spec.get("minReplicas").number, spec.get("maxReplicas").number
        if least is not None and most is not None and least > most:
            yield Problem(
                path, spec.key("minReplicas").line, f"{what} wants at least {least} and at most {most} replicas"
            )
