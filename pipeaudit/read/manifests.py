"""Manifests and lock files of the Python package managers, from the trees that the readers of their formats made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pipeaudit.model.location import Location
from pipeaudit.read.node import Node
from pipeaudit.read.requirements import Environment, Requirement, from_source, normalized, requirement

_EXACT_VERSION = re.compile(r"(?:={1,3}[ \t]*)?v?\d+(?:\.\d+){1,4}(?:[-+.]?[A-Za-z]+[\w.+-]*)?")
_CONDA = re.compile(r"(?:[\w./-]+::)?([A-Za-z0-9_][\w.-]*)[ \t]*(?:\[[^\]]*\])?[ \t]*((?:[<>=!~ ].*)?)")
_CONDA_EXACT = re.compile(r"={1,2}[ \t]*\d+(?:\.\w+){2,}(?:=[\w.*]+)?|={1,2}[\w.]+=[\w.]+|==[ \t]*\d[\w.]*")
_LOCKED_URL = re.compile(r"/([A-Za-z0-9_.-]+)-([\w.!+]+)-[^/-]+\.(?:conda|tar\.bz2)$")


def pyproject(path: str, tree: Node) -> Environment | None:
    """PEP 621, dependency groups, and the tables of Poetry, PDM, uv, Hatch and Pixi; None where there are none."""
    project, poetry = tree.get("project"), tree.get("tool", "poetry")
    found = [*_texts(project.get("dependencies")), *_texts(tree.get("build-system", "requires"), "build")]
    for group, body in project.items("optional-dependencies"):
        found += _texts(body, group.text)
    for group, body in tree.items("dependency-groups"):
        found += _texts(body, group.text)
    found += _texts(tree.get("tool", "uv", "dev-dependencies"), "dev")
    for group, body in tree.items("tool", "pdm", "dev-dependencies"):
        found += _texts(body, group.text)
    for name, body in tree.items("tool", "hatch", "envs"):
        found += _texts(body.get("dependencies"), name.text)
    found += _table(poetry.get("dependencies"), "")
    found += _table(poetry.get("dev-dependencies"), "dev")
    for group, body in poetry.items("group"):
        found += _table(body.get("dependencies"), group.text)
    for place in (("tool", "pixi"), ()):
        if place or path.endswith("pixi.toml"):
            found += _table(tree.get(*place, "dependencies"), "")
            found += _table(tree.get(*place, "pypi-dependencies"), "")
    python = project.get("requires-python").text or poetry.get("dependencies", "python").text
    if not (found or project or poetry):
        return None
    found = _with_sources(found, tree.get("tool", "uv", "sources"))
    return Environment(path, "pyproject", _without_python(found), python=python)


def pipfile(path: str, tree: Node) -> Environment:
    found = [*_table(tree.get("packages"), ""), *_table(tree.get("dev-packages"), "dev")]
    requires = tree.get("requires")
    python = requires.get("python_full_version").text or requires.get("python_version").text
    return Environment(path, "pipfile", tuple(found), python=python)


def conda(path: str, tree: Node) -> Environment | None:
    """An environment.yml of conda, or a python_env.yaml of MLflow; None where it is another file of such a name."""
    dependencies = tree.get("dependencies")
    if not dependencies.is_list or not any(item.is_scalar for item in dependencies.list()):
        return None
    found: list[Requirement] = []
    includes: list[str] = []
    python = tree.get("python").text
    for item in dependencies.list():
        for pip in item.list("pip"):
            if pip.text.startswith("-r"):
                includes.append(pip.text[2:].strip())
            elif made := requirement(pip.text, pip.at):
                found.append(made)
        if item.text.startswith("-r"):
            includes.append(item.text[2:].strip())
        elif made := _conda(item.text, item.at):
            if made.name == "python":
                python = made.specifier
            else:
                found.append(made)
    return Environment(path, "conda", tuple(found), tuple(includes), python=python)


def lock(path: str, tree: Node) -> Environment | None:
    """A lock file by its name; None for one of another tool's."""
    read = _LOCKS.get(path.rpartition("/")[2])
    if read is None and path.endswith(("conda-lock.yml", "conda-lock.yaml")):
        read = _conda_lock
    if read is None:
        return None
    return Environment(path, "lock", tuple(read(tree)), is_lock=True)


def _texts(body: Node, group: str = "") -> list[Requirement]:
    """A list of requirements as text; other things in it (a group that includes another) are passed over."""
    made = (requirement(item.text, item.at, group) for item in body.list())
    return [found for found in made if found is not None]


def _table(body: Node, group: str) -> list[Requirement]:
    """`name = "^1.2"`, `name = {version = .., git = ..}` or a list of such tables."""
    found: list[Requirement] = []
    for key, value in body.entries:
        found += [_entry(key, entry, group) for entry in value.each() or (value,)]
    return found


def _entry(key: Node, entry: Node, group: str) -> Requirement:
    git = entry.get("git").text or entry.get("url").text or entry.get("path").text or entry.get("file").text
    if git:
        revision = entry.get("rev").text or entry.get("ref").text or entry.get("tag").text
        return from_source(key.text, git, revision, key.at, group)
    version = entry.text or entry.get("version").text
    optional = "optional" if entry.get("optional").boolean and not group else group
    specifier = "" if version == "*" else version
    pinned = len(specifier) < 200 and bool(_EXACT_VERSION.fullmatch(specifier))
    return Requirement(normalized(key.text), specifier, pinned, key.at, optional)


def _with_sources(found: list[Requirement], sources: Node) -> list[Requirement]:
    """uv says in a table of its own where a requirement comes from."""
    if not sources:
        return found
    places = {normalized(key.text): value for key, value in sources.entries}
    return [_moved(item, places[item.name]) if item.name in places else item for item in found]


def _moved(item: Requirement, place: Node) -> Requirement:
    source = place.get("git").text or place.get("url").text or place.get("path").text
    if not source:
        return item
    return from_source(item.name, source, place.get("rev").text or place.get("tag").text, item.at, item.group)


def _without_python(found: list[Requirement]) -> tuple[Requirement, ...]:
    return tuple(item for item in found if item.name != "python")


def _conda(text: str, at: Location) -> Requirement | None:
    match = _CONDA.fullmatch(text.strip()[:1000])
    if match is None:
        return None
    specifier = match[2].strip()
    if specifier and specifier[0].isdigit():
        specifier = f"={specifier.split()[0]}"  # `numpy 1.26.4`
    return Requirement(normalized(match[1]), specifier, bool(_CONDA_EXACT.fullmatch(specifier)), at, source="conda")


def _locked(name: Node, version: str, at: Location, group: str = "", source: str = "") -> Iterator[Requirement]:
    if name.text:
        yield Requirement(normalized(name.text), f"=={version}" if version else "", True, at, group, source)


def _packages(tree: Node) -> Iterator[Requirement]:
    """poetry.lock, uv.lock and pdm.lock; the project itself, which uv lists too, is left out."""
    for package in (*tree.list("package"), *tree.list("packages")):
        source = package.get("source")
        if source.get("virtual") or source.get("editable"):
            continue
        place = source.get("git").text or package.get("vcs", "url").text
        yield from _locked(package.get("name"), package.get("version").text, package.get("name").at, source=place)


def _pipfile_lock(tree: Node) -> Iterator[Requirement]:
    for section, group in (("default", ""), ("develop", "dev")):
        for name, body in tree.items(section):
            yield from _locked(name, body.get("version").text.lstrip("="), name.at, group)


def _conda_lock(tree: Node) -> Iterator[Requirement]:
    for package in tree.list("package"):
        source = "conda" if package.get("manager").text == "conda" else ""
        yield from _locked(
            package.get("name"), package.get("version").text, package.at, package.get("category").text, source
        )


def _pixi_lock(tree: Node) -> Iterator[Requirement]:
    for package in tree.list("packages"):
        if package.get("name"):
            yield from _locked(package.get("name"), package.get("version").text, package.at)
        elif match := _LOCKED_URL.search(package.get("conda").text[-300:]):
            yield Requirement(normalized(match[1]), f"=={match[2]}", True, package.at, source="conda")


_LOCKS: dict[str, Callable[[Node], Iterator[Requirement]]] = {
    **dict.fromkeys(("poetry.lock", "uv.lock", "pdm.lock", "pylock.toml"), _packages),
    "Pipfile.lock": _pipfile_lock,
    "pixi.lock": _pixi_lock,
}
