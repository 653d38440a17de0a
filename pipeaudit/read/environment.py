"""Files that say what is to be installed, by their names: each to an `Environment`, whatever its format."""

from __future__ import annotations

import re

from pipeaudit.limits import DEFAULT, Limits
from pipeaudit.read.requirements import Environment

_PIP = re.compile(r"(?:.*[-_.])?(?:requirements?|constraints?)(?:[-_.].*)?\.(?:txt|in)", re.IGNORECASE)
_IN_FOLDER = re.compile(r"(?:.*/)?requirements/[^/]+\.(?:txt|in)", re.IGNORECASE)
_CONDA = re.compile(
    r"(?:.*[-_.])?(?:environment|conda|conda[-_]?env|python[-_]env|env|dependencies)(?:[-_.].*)?\.ya?ml", re.IGNORECASE
)
_IN_ENVS = re.compile(r"(?:.*/)?envs?/[^/]+\.ya?ml", re.IGNORECASE)
_TREES = frozenset(("pyproject.toml", "pixi.toml", "Pipfile", "Pipfile.lock"))
_LOCKS = frozenset(
    ("poetry.lock", "uv.lock", "pdm.lock", "pylock.toml", "pixi.lock", "conda-lock.yml", "conda-lock.yaml")
)


def is_environment(path: str) -> bool:
    """Whether a file has the name of one; what it holds may still be something else."""
    name = path.rpartition("/")[2]
    if name in _TREES or name in _LOCKS or name in ("setup.py", "setup.cfg"):
        return True
    return any(
        pattern.fullmatch(text)
        for pattern, text in ((_PIP, name), (_IN_FOLDER, path), (_CONDA, name), (_IN_ENVS, path))
    )


def parse(path: str, data: bytes, limits: Limits = DEFAULT) -> Environment | None:
    """What the file asks for; None where it turns out to ask for nothing of the kind."""
    from pipeaudit.read import json, manifests, requirements, setup, toml, yaml

    name = path.rpartition("/")[2]
    if name == "setup.py":
        return setup.parse_script(path, data)
    if name == "setup.cfg":
        return setup.parse_config(path, data)
    if name in ("pyproject.toml", "pixi.toml"):
        return manifests.pyproject(path, toml.parse(path, data, limits))
    if name == "Pipfile":
        return manifests.pipfile(path, toml.parse(path, data, limits))
    if name == "Pipfile.lock":
        return manifests.lock(path, json.parse(path, data, limits))
    if name in ("poetry.lock", "uv.lock", "pdm.lock", "pylock.toml"):
        return manifests.lock(path, toml.parse(path, data, limits))
    if name.endswith((".yml", ".yaml", ".lock")):
        documents = yaml.parse(path, data, limits)
        if not documents:
            return None
        return manifests.lock(path, documents[0]) if name in _LOCKS else manifests.conda(path, documents[0])
    return requirements.parse(path, data)
