import re
from dataclasses import replace

from pipeaudit.rule import (
    Confidence,
    Event,
    Iterator,
    Location,
    Match,
    Program,
    Project,
    Severity,
    StageKind,
    Workload,
    invocations,
    is_test,
    rule,
)

_ALL = ("0.0.0.0", "::", "*")  # noqa: S104 -- the addresses that this rule looks for
_EMPTY_TOKEN = re.compile(r"(?:token|password)\s*=\s*(?:''|\"\"|)\s*(?:['\"\s]|$)", re.IGNORECASE)
_IMAGES = ("docker", "compose", "kubernetes")
_PROXIES = re.compile(r"nginx|traefik|envoy|haproxy|oauth2?-?proxy|caddy|keycloak|authelia", re.IGNORECASE)


@rule(
    "PA907",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.DEPLOYMENT,
    controls=("DEP-4",),
    security_severity="8.6",
)
def exposed_ml_server(project: Project) -> Iterator[Match]:
    """A server that runs whatever it is told is started open to everybody who reaches its port.

    A notebook without a token is a shell for the world; a debugger in a web page is one as well.

    Bad, in docker-compose.yml:

        services:
          lab:
            image: jupyter/scipy-notebook:2024-05-27
            command: jupyter lab --ip=0.0.0.0 --NotebookApp.token=''
            ports: ["8888:8888"]

    Bad, in app.py:

        from flask import Flask

        app = Flask(__name__)
        app.run(host="0.0.0.0", debug=True)

    Good, in docker-compose.yml:

        services:
          lab:
            image: jupyter/scipy-notebook:2024-05-27
            command: jupyter lab --ip=0.0.0.0
            ports: ["127.0.0.1:8888:8888"]

    Good, in app.py:

        from flask import Flask

        app = Flask(__name__)
        if __name__ == "__main__":
            app.run(debug=True)

    Fix: keep the token, publish the port on 127.0.0.1 only, put a proxy that asks who it is in front, and leave the
    debugger off.

    Not seen: servers that a firewall or a private network shields. Ports that are published on 127.0.0.1, and servers
    beside a proxy in the same file, are not counted.

    Source: EU AI Act, Article 15(5); SSDF PW.9.
    """
    yield from _debuggers(project)
    for service in project.services:
        yield from _service(project, service)
    for path in project.repository.dockerfiles():
        file = None if is_test(path) else project.repository.dockerfile(path)
        for start in file.of("CMD", "ENTRYPOINT") if file is not None else ():
            command = " ".join(start.words) if start.words is not None else start.text
            if _is_open_notebook(command):
                yield _open_notebook(Location(path, start.line))
    for node in project.graph.of_system("make", "docker"):
        for run in project.graph.programs(node):
            yield from _started(run, node.at)


def _started(run: Program, at: Location) -> Iterator[Match]:
    if _is_open_notebook(run.command):
        yield _open_notebook(at)


def _debuggers(project: Project) -> Iterator[Match]:
    """Web servers with their debugger on that listen on every address, or that a page shares with the world."""
    seen = set()
    for path in sorted(project.programs):
        if is_test(path) or path.endswith(".ipynb"):
            continue
        for event in project.programs[path].of("serve"):
            if event.at not in seen and event.name.endswith((".run", ".run_simple")):
                seen.add(event.at)
                if event.constant("debug") is True and event.constant("host", event.constant("0")) in _ALL:
                    found = _match(event, "the debugger of this server is open on every address", "Leave debug off.")
                    by_hand = bool(project.programs[path].of("main")) and not _is_in_image(project, path)
                    yield replace(found, severity=Severity.WARNING, confidence=Confidence.MEDIUM) if by_hand else found
            elif event.at not in seen and event.constant("share") is True:
                seen.add(event.at)
                yield _match(event, "this page is shared with the world", "Remove share=True.")


def _is_in_image(project: Project, path: str) -> bool:
    """Whether an image or a service starts the file itself, and not a server that imports it."""
    said = [stage for node in project.graph.running(path) for stage in node.declarations if stage.system in _IMAGES]
    return any("python" in run.command for stage in said for run in stage.runs)


def _match(event: Event, message: str, fix: str) -> Match:
    return Match(event.at, message, confidence=Confidence.HIGH, fix=fix, symbol=event.function)


def _is_open_notebook(command: str) -> bool:
    """A notebook server on every address whose token or password is switched off."""
    if not _EMPTY_TOKEN.search(command):
        return False
    if "start-notebook" in command:  # of Jupyter's own images, which listen on every address
        return True
    return "jupyter" in command and bool(re.search(r"ip[= ]['\"]?(?:0\.0\.0\.0|\*|::)", command))


def _open_notebook(at: Location) -> Match:
    return Match(
        at,
        "a notebook server is started on every address without a token",
        confidence=Confidence.HIGH,
        fix="Keep the token, or listen on 127.0.0.1.",
    )


def _service(project: Project, service: Workload) -> Iterator[Match]:
    published = [port for port in service.node.list("ports") if _is_published(port.text or port.get("published").text)]
    if not published or service.is_for_development:
        return
    node = service.node.get("command") or service.node.get("entrypoint")
    command = node.text or " ".join(node.strings())
    beside = [
        s
        for s in project.services
        if s.path == service.path and _PROXIES.search(f"{s.name} {s.node.get('image').text}")
    ]
    if _is_open_notebook(command) or _has_empty_token(service):
        yield _open_notebook(node.at if node else service.node.at)
    elif not beside and _is_open_tracker(command):
        yield Match(
            node.at,
            f"`{service.name}` lets everybody who reaches its port read and delete runs and models",
            confidence=Confidence.MEDIUM,
            fix="Publish the port on 127.0.0.1, or switch its authentication on.",
        )


def _has_empty_token(service: Workload) -> bool:
    environment = service.node.get("environment")
    said = [f"{key.raw}={value.raw}" for key, value in environment.entries] + list(environment.strings())
    return any(re.fullmatch(r"(?:JUPYTER_TOKEN|NOTEBOOK_TOKEN)=(?:''|\"\")?", entry) for entry in said)


def _is_open_tracker(command: str) -> bool:
    for invocation in invocations(command):
        words = invocation.arguments
        name = f"{invocation.tool} {invocation.kind} {invocation.target}"
        serves = "mlflow" in name and any(word in words or word == invocation.target for word in ("server", "ui"))
        serves = serves or ("mlflow" in command and ("mlflow server" in command or "mlflow ui" in command))
        if serves and any(address in command for address in _ALL[:1]) and "basic-auth" not in command:
            return True
    return False


def _is_published(port: str) -> bool:
    """Whether a port of a compose file is open on every address of the machine."""
    return bool(port) and not port.startswith(("127.0.0.1:", "localhost:", "[::1]:")) and ":" in port
