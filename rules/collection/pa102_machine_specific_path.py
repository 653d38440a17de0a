import re
from dataclasses import replace

from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Related, Scope, Severity, Snapshot, rule

_PERSONAL = re.compile(
    r"(?:file://)?(?:/home/(?P<linux>[^/{}\s]+)|/Users/(?P<mac>[^/{}\s]+)|(?P<drive>[A-Za-z]:)[\\/](?!Program|Windows|NVIDIA)|~[\\/](?!\.))",
    re.ASCII,
)
_WINDOWS = re.compile(r"(?:\.{1,2}|[\w -]+)(?:\\[\w. -]+)+", re.ASCII)
_HOSTED = re.compile(r"/(?:content|kaggle)(?:/|$)")
# accounts that container images and hosted runners create: the same on every machine that runs the image
_IMAGE_USERS = frozenset(
    """jovyan airflow app appuser user runner circleci vsts docker node ray spark mambauser nonroot sagemaker-user
    dagster""".split()
)
_USES = ("reads", "writes", "save", "load")


@rule(
    "PA102",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("TRN-3", "PRE-1", "COL-1"),
    tier="core",
    scope=Scope.FILE,
)
def machine_specific_path(events: Events) -> Iterator[Match]:
    """Data is read from or written to a path that exists on one person's machine.

    A home folder, a drive letter, the mount of a hosted notebook, folders parted by backslashes (Windows alone reads
    these as folders): the step fails for everybody else, and for the author on the next machine.

    Bad:

        import pandas as pd

        rows = pd.read_csv("C:/Users/ana/Desktop/train.csv")

    Good:

        from pathlib import Path
        import pandas as pd

        DATA = Path(__file__).parent / "data"
        rows = pd.read_csv(DATA / "train.csv")

    Fix: a path relative to the project, a configuration key, or an environment variable. A default that the command
    line can override, and the mounts of Kaggle and Colab, are told as notes. Each file is told once for each machine's
    folder; the other lines stand beside it.

    Not seen: paths inside containers (`/app`, `/data`, `/opt/ml`, `/mnt`, `/tmp`) are meant, and so are the accounts
    that images create (`/home/jovyan`). A notebook that asks where it runs before it uses a mount is left alone.
    """
    if events.is_test:
        return
    told: dict[tuple[str, str, bool], list[Match]] = {}
    for event in events:
        for value, known in _paths(event):
            root = _machine(str(value.constant))
            if root is None or (_HOSTED.match(root) and (event.conditional or not known)):
                continue
            made = _match(event, value, root, known)
            same = told.setdefault((event.at.path, root.lower(), made.severity is None), [])
            if all(made.at != other.at for other in same):
                same.append(made)
    for first, *others in told.values():
        beside = tuple(Related(other.at, "here as well") for other in others[:5])
        yield replace(first, related=(*first.related, *beside))


def _match(event: Event, value: Snapshot, root: str, known: bool) -> Match:
    hosted = _HOSTED.match(root) is not None
    noted = bool(value.option) or hosted or root.startswith("~")
    shown = str(value.constant)
    return Match(
        event.at,
        f"`{event.short}` uses `{shown if len(shown) <= 80 else shown[:79] + '…'}`, which only exists "
        + ("in a hosted notebook" if hosted else "on Windows" if root == "\\" else "on one machine")
        + (f"; it is the default of {value.option}" if value.option else ""),
        confidence=Confidence.HIGH if known and not noted else Confidence.MEDIUM,
        severity=Severity.NOTE if noted else None,
        related=(Related(event.caller, "called from here"),) if event.caller is not None else (),
        fix="Part the folders by `/`, which Windows reads as well."
        if root == "\\"
        else "Use a path relative to the project, or take it from the configuration.",
        symbol=event.function,
    )


def _paths(event: Event) -> Iterator[tuple[Snapshot, bool]]:
    """The path-like texts that a call works on, each with whether the call is known to read or write there."""
    if "open" in event.roles:
        value = event.argument("name")
        if value is not None and isinstance(value.constant, str):
            yield value, True
        return
    found = False
    for operation in _USES if event.detail else ():
        value = event.port(operation, "path")
        if value is not None and isinstance(value.constant, str):
            found = True
            yield value, True
    if found or "call" not in event.roles or ("sink" in event.detail and event.effect("sink")):
        return
    for value in event.arguments.values():
        if (
            isinstance(value.constant, str)
            and (value.constant[:1] in "/~" or ":" in value.constant[1:5])
            and len(value.constant) < 300
            and not any(c in value.constant for c in "\n<>*|")
        ):
            yield value, False


def _machine(path: str) -> str | None:
    """What makes a path one machine's: its user's folder, its drive, a hosted mount, or folders parted by backslashes,
    which only Windows reads as such; None for all others.
    """
    personal = _PERSONAL.match(path)
    if personal is not None:
        user = personal["linux"]
        if user is None or (user.lower() not in _IMAGE_USERS and path.count("/") > 2):
            return personal[0]
        return None
    if "\\" in path and "/" not in path and _WINDOWS.fullmatch(path):
        return "\\"
    hosted = _HOSTED.match(path)
    return hosted[0] if hosted is not None else None
