import re

from pipeaudit.rule import Confidence, Event, Iterator, Location, Match, Project, Scope, Severity, is_test, rule

_CLEAR = re.compile(r"^(?:http|ftp)://(?P<host>\[?[\w.:-]+)", re.IGNORECASE)
_LOCAL = re.compile(
    r"^(?:localhost|127\.|0\.0\.0\.0|\[?::1|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|[^.]+$)|\.(?:svc|local|internal|lan)\b"
    r"|\.cluster\.local|example\.(?:com|org)$|host\.docker\.internal",
    re.IGNORECASE,
)
_UNCHECKED = ("verify", "verify_ssl", "ssl_verify", "verify_certs", "check_hostname", "cert_check")
_SENDS = frozenset({"download", "query", "read", "track_run", "load_model", "artifact_get", "artifact_put", "register"})
_SHELL = re.compile(r"\b(?:curl\s+(?:[^\n|;&]*\s)?(?:-k|--insecure)\b|wget\s+[^\n|;&]*--no-check-certificate)")
_DVC = re.compile(r"^\s*ssl_verify\s*=\s*false\b", re.IGNORECASE | re.MULTILINE)


@rule(
    "PA911",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("PRE-1", "DEP-4"),
    kinds=("clear-text", "unverified"),
    scope=Scope.PROJECT,
    security_severity="5.5",
)
def insecure_transport(project: Project) -> Iterator[Match]:
    """Data, models or tracking calls travel in clear, or to a server whose certificate nobody checks.

    Anybody on the way can read them, and can put another model or other data in their place.

    Bad:

        import requests

        rows = requests.get("https://data.acme.io/rows.json", verify=False, timeout=10).json()

    Good:

        import requests

        rows = requests.get("https://data.acme.io/rows.json", timeout=10).json()

    Kinds: `clear-text` (`http://` to a host that is not local), `unverified` (`verify=False` and its like, an
    unverified TLS context, `curl -k`, `ssl_verify = false` of a DVC remote).

    Fix: https, and the certificate of your own authority in the trust store (`verify="ca.pem"`).

    Not seen: addresses that come from the environment. Local hosts, private networks, and names that only exist inside
    a cluster or a compose file are left out.

    Source: SSDF PW.9; EU AI Act, Article 15(5).
    """
    sources = (project.repository.data(path) or b"" for path in project.programs)
    unverified = any(b"_create_unverified_context" in source for source in sources)
    for path in sorted(project.programs):
        if is_test(path):
            continue
        told: set[str] = set()
        program = project.programs[path]
        for event in program if unverified else program.where(given=_UNCHECKED, roles=_SENDS):
            for match in _in_code(project, event):
                key = f"{match.kind}{match.at.path}{match.at.cell}{match.at.line}"
                if key not in told:
                    told.add(key)
                    yield match
    yield from _in_files(project)


def _in_code(project: Project, event: Event) -> Iterator[Match]:
    off = next((name for name in _UNCHECKED if event.constant(name) is False), None)
    unverified = "_create_unverified_context" in event.name or any(
        "_create_unverified_context" in value.name for value in event.arguments.values()
    )
    if off is not None or unverified:
        what = f"`{off}=False`" if off is not None else "an unverified TLS context"
        yield Match(
            event.at if off is None else _line_of(project, event, off),
            f"{what}: the server's certificate is not checked",
            kind="unverified",
            fix="Check certificates; give your own authority's certificate if there is one.",
            symbol=event.function,
        )
    if _SENDS & set(event.roles):
        for value in event.arguments.values():
            clear = _CLEAR.match(value.constant) if isinstance(value.constant, str) else None
            if clear is not None and not _LOCAL.search(clear["host"].partition(":")[0] or clear["host"]):
                yield Match(
                    event.at,
                    f"`{event.short}` talks to {clear['host']} in clear",
                    kind="clear-text",
                    fix="Use https.",
                    symbol=event.function,
                )


def _line_of(project: Project, event: Event, argument: str) -> Location:
    """Where an argument of a call stands, if the call goes over several lines."""
    at = event.at
    if at.cell is not None or at.end_line is None or at.end_line == at.line:
        return at
    lines = project.repository.text(at.path).splitlines()[at.line - 1 : at.end_line]
    for number, line in enumerate(lines, at.line):
        found = re.search(rf"\b{argument}\s*=\s*False\b", line)
        if found is not None:
            return Location(at.path, number, found.start() + 1, number, found.end() + 1)
    return at


def _in_files(project: Project) -> Iterator[Match]:
    for path in project.repository.paths:
        name = path.rpartition("/")[2].lower()
        if path == ".dvc/config":
            pattern, message = _DVC, "the DVC remote's certificate is not checked"
        elif name.startswith("dockerfile") or name.endswith((".sh", ".bash")) or name == "makefile":
            pattern, message = _SHELL, "the server's certificate is not checked"
        else:
            continue
        text = project.repository.text(path)
        for found in pattern.finditer(text):
            line = text.count("\n", 0, found.start()) + 1 + found[0].startswith("\n")
            yield Match(Location(path, line), message, kind="unverified", fix="Check certificates.")
