"""Jenkins: each stage of a Jenkinsfile that holds no others is a stage, declarative or scripted."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import join
from typing import TYPE_CHECKING

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Program
from pipeaudit.nesting import Item, flatten
from pipeaudit.system import ConfigSource, Declared, Problem, Stage, config_system, resolve

if TYPE_CHECKING:
    from pipeaudit.read.jenkinsfile import Block, Call

_NO_STEPS = frozenset(
    "when environment agent options parameters triggers tools axes excludes libraries post input".split()
)
_SAYS_NOTHING = frozenset("echo println print error checkout git deleteDir cleanWs sleep".split())
_ASIDE = (".md", ".txt", ".rst", ".py", ".sh", ".yml", ".yaml", ".json", ".j2", ".tmpl", ".template", ".bak")


@dataclass(frozen=True, slots=True)
class _Stage:
    name: str
    block: Block
    folder: str
    is_one_of_many: bool


@config_system("jenkins", "*[Jj]enkinsfile*")
def stages(source: ConfigSource) -> Iterator[Declared]:
    data = source.sources.data(source.path)
    if data is None or source.path.endswith(_ASIDE):
        return
    from pipeaudit.read import jenkinsfile

    root = jenkinsfile.parse(source.path, data)
    whole = next((block for block in root.blocks if block.name == "pipeline"), root)
    if whole is not root:
        yield from _twice(source.path, whole)
    leaves = flatten(_items(whole, "", False))
    if not leaves:
        yield from _without_stages(source, root)
    read = {name for leaf in leaves for name in _named(leaf.data.block, "unstash")}
    schedule = ", ".join(call.argument() for call in _triggers(root, whole))
    keys = [f"{source.path}:{'/'.join((*leaf.path, leaf.name))}" for leaf in leaves]
    for key, leaf in zip(keys, leaves, strict=True):
        stage: _Stage = leaf.data
        yield Stage(
            name=stage.name,
            system="jenkins",
            at=Location(source.path, stage.block.line),
            key=key,
            reads=tuple(f"jenkins:{source.path}#{name}" for name in _named(stage.block, "unstash")),
            writes=tuple(f"jenkins:{source.path}#{name}" for name in _named(stage.block, "stash") if name in read),
            after=tuple(keys[earlier] for earlier in leaf.after),
            runs=tuple(_runs(stage.block, stage.folder)),
            pipeline=source.path,
            note=_note(stage, schedule),
        )


def _items(block: Block, folder: str, many: bool) -> list[Item]:
    """The stages of a block, one after the other; those of `parallel` side by side."""
    items: list[Item] = []
    taken: dict[str, int] = {}
    before: tuple[str, ...] = ()
    branches: list[Item] = []
    for child in block.blocks:
        if child.name in _NO_STEPS:
            continue
        is_branch = not child.name and bool(child.label)
        if branches and not is_branch:
            before, branches = tuple(item.name for item in branches), []
        if child.name == "stage" or is_branch:
            made = [_item(child, folder, many)]
        else:
            inner = join(folder, child.label) if child.name == "dir" and child.label else folder
            made = _items(child, inner, many or child.name == "matrix")
        for item in made:
            taken[item.name] = taken.get(item.name, 0) + 1
            item.name += f"#{taken[item.name]}" if taken[item.name] > 1 else ""
            item.after = item.after if child.name == "parallel" and item.after else (item.after or before)
            items.append(item)
        if is_branch:
            branches += made
        elif made and child.name == "parallel":
            before = tuple(item.name for item in made)
        elif made:
            before = tuple(item.name for item in made[-1:])
    if block.name == "parallel":
        for item in items:
            item.after = ()
    return items


def _item(block: Block, folder: str, many: bool) -> Item:
    name = block.label or f"stage at line {block.line}"
    inside = _items(block, folder, many)
    return Item(name, (), inside or None, _Stage(name, block, folder, many))


def _without_stages(source: ConfigSource, root: Block) -> Iterator[Stage]:
    """A file that hands everything to a shared library, or runs its commands outside any stage."""
    called = _unread(root)
    runs = tuple(_runs(root, ""))
    if runs or called:
        yield Stage(
            name=source.path.rpartition("/")[2],
            system="jenkins",
            at=Location(source.path, 1),
            key=source.path,
            runs=runs,
            pipeline=source.path,
            note="" if runs else f"calls {called}, which is not read",
        )


def _calls(block: Block, folder: str) -> Iterator[tuple[Call, str]]:
    """Calls of a stage's steps with the folder they are made in; stages inside are others' business."""
    waiting = deque([(block, folder)])
    while waiting:
        current, where = waiting.popleft()
        yield from ((call, where) for call in current.calls)
        waiting += [
            (child, join(where, child.label) if child.name == "dir" and child.label else where)
            for child in current.blocks
            if child.name != "stage" and child.name not in _NO_STEPS
        ]


def _runs(block: Block, folder: str) -> Iterator[Program]:
    for call, where in _calls(block, folder):
        if call.command:
            yield Program(command=call.command, folder=resolve("", where or "."))


def _named(block: Block, verb: str) -> list[str]:
    return list(dict.fromkeys(call.argument("name") for call, _ in _calls(block, "") if call.name == verb))


def _triggers(root: Block, pipeline: Block) -> Iterator[Call]:
    """Schedules: of the declarative block, and of `properties([pipelineTriggers([cron(...)])])`."""
    for block in (root, *(block for block in pipeline.blocks if block.name == "triggers")):
        yield from (call for call in block.calls if call.name == "cron" and call.argument())


def _note(stage: _Stage, schedule: str) -> str:
    calls = [call for call, _ in _calls(stage.block, "")]
    said = []
    if any(call.is_shell and not call.command for call in calls):
        said.append("a command is put together when it runs")
    elif not any(call.is_shell for call in calls) and (called := _unread(stage.block)):
        said.append(f"calls {called}, which is not read")
    if any(call.name == "input" for call in calls) or any(block.name == "input" for block in stage.block.blocks):
        said.append("waits for a person")
    if stage.is_one_of_many:
        said.append("one of many")
    return "; ".join([*said, *([f"on the schedule {schedule}"] if schedule else [])])


def _unread(block: Block) -> str:
    """What a stage calls instead of running commands of its own."""
    names = [call.name for call, _ in _calls(block, "") if call.name not in _SAYS_NOTHING]
    return ", ".join(f"`{name}`" for name in dict.fromkeys(names[:3]))


def _twice(path: str, pipeline: Block) -> Iterator[Problem]:
    """Stages of a declarative pipeline that share a name, which its engine refuses."""
    waiting = deque([pipeline])
    while waiting:
        block = waiting.popleft()
        waiting += block.blocks
        if block.name in ("stages", "parallel"):
            counts = Counter(child.label for child in block.blocks if child.name == "stage")
            for child in block.blocks:
                if child.name == "stage" and counts[child.label] > 1:
                    counts[child.label] = 0
                    yield Problem(path, child.line, f"more than one stage of these is called `{child.label}`")
