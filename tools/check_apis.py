"""Checks rules/apis against the installed libraries, and records what was checked.

    python tools/check_apis.py [sklearn.yaml ...]

Run it in an environment that has the libraries (KERAS_BACKEND=torch serves Keras). Every entry must name something
that can be imported, and every parameter must exist there; `former`, `until` and `virtual` say where that is not so.
What scikit-learn exports and no entry describes is listed too. The record, rules/apis/CHECKED.json, keeps for each file
the libraries' versions, how many names were checked, and a digest of what can be checked so: names and parameters. What
a call means is for fixtures to show.
"""

# ruff: noqa: T201, BLE001 - a script that prints; libraries fail in any way while they are imported

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import sys
import warnings
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent.parent / "rules" / "apis"
RECORD = FOLDER / "CHECKED.json"
MISSING = object()
UNREADABLE = object()
CHECKABLE = ("kind", "params", "former", "positional", "until", "virtual")


def main(arguments: list[str]) -> int:
    warnings.simplefilter("ignore")
    record: dict[str, Any] = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    files = [FOLDER / name for name in arguments] or sorted(FOLDER.glob("*.yaml"))
    failures = 0
    for switch in ("enable_halving_search_cv", "enable_iterative_imputer"):
        importable(f"sklearn.experimental.{switch}")
    for file in files:
        document = yaml.safe_load(file.read_bytes())
        checked, problems, absent = check(document)
        for problem in problems:
            print(f"{file.name}: {problem}")
        for module in sorted(absent):
            print(f"{file.name}: not installed: {module}")
        failures += len(problems)
        record[file.name] = {
            "library": document["library"],
            "versions": versions(document, absent),
            "names": sum(1 for _ in named(document)),
            "checked": checked,
            "digest": digest(document),
        }
    for name in sorted(record):
        if not (FOLDER / name).exists():
            del record[name]
    RECORD.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    for line in missing_from_sklearn():
        print(line)
    return 1 if failures else 0


def digest(document: dict[str, Any]) -> str:
    """Of names and parameters, in whatever order and layout they stand."""
    facts = sorted((name, [meaning.get(field) for field in CHECKABLE]) for name, meaning in named(document))
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def named(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every name that the file describes, the members of classes among them, with its meaning."""
    for entry in document.get("entries") or ():
        for name in [entry["name"]] if "name" in entry else entry["names"]:
            yield name, entry
            for kind in ("method", "attribute"):
                for members, meaning in (entry.get(f"{kind}s") or {}).items():
                    for member in members.split():
                        inherited = {k: entry[k] for k in ("virtual", "until", "since") if k in entry}
                        yield f"{name}.{member}", {"kind": kind, **inherited, **meaning}


def check(document: dict[str, Any]) -> tuple[int, list[str], set[str]]:
    checked = 0
    problems: list[str] = []
    absent: set[str] = set()
    heirs = heirs_of(document)
    for name, meaning in named(document):
        if meaning.get("virtual") or meaning.get("until") or meaning.get("former") is True:
            continue
        root = root_of(name)
        if root in absent:
            continue
        if not importable(root):
            absent.add(root)
            continue
        owner, _, member = name.rpartition(".")
        places = [name, *(f"{heir}.{member}" for heir in heirs.get(owner, ()))]
        found = next((f for f in map(resolve, places) if f is not MISSING), MISSING)
        if found is MISSING:
            if meaning["kind"] != "attribute":
                problems.append(f"{name} does not exist")
            continue
        if found is UNREADABLE:
            continue
        checked += 1
        if not meaning.get("positional"):
            problems.extend(f"{name} has no parameter {p}" for p in unknown_parameters(found, meaning))
    return checked, problems, absent


def root_of(name: str) -> str:
    """What one installs: the first part of the path, more of it where vendors share that."""
    shared = {"google": 3, "azure": 3, "databricks": 2}
    parts = name.split(".")
    return ".".join(parts[: shared.get(parts[0], 1)])


def heirs_of(document: dict[str, Any]) -> dict[str, list[str]]:
    """The classes that say of another that they have its methods: those may live in them only."""
    heirs: dict[str, list[str]] = {}
    for entry in document.get("entries") or ():
        for base in entry.get("bases") or ():
            heirs.setdefault(base, []).extend([entry["name"]] if "name" in entry else entry["names"])
    return heirs


def importable(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    except Exception as error:  # a library may fail in any way while it is imported
        print(f"{module} fails on import: {error!r}")
        return False
    return True


def resolve(name: str) -> object:
    """The object behind a dotted path: the longest module, then attributes."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError as error:
            # a shorter path may still be a module; what lacks a further library cannot be looked at
            if error.name is not None and not name.startswith(error.name):
                return UNREADABLE
            continue
        except Exception:  # a library may fail in any way while it is imported
            return UNREADABLE
        for part in parts[length:]:
            try:
                found = getattr(found, part)
            except AttributeError:
                found = MISSING
                break
            except Exception:  # a lazy attribute that lacks its data
                return UNREADABLE
        if found is not MISSING:
            return found
    return MISSING


def unknown_parameters(found: object, meaning: dict[str, Any]) -> list[str]:
    if not meaning.get("params"):
        return []
    try:
        signature = inspect.signature(found)  # type: ignore[arg-type] # what is not callable raises TypeError
    except (TypeError, ValueError):
        return []
    known = set(signature.parameters)
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values()):
        return []
    stars = {p.name for p in signature.parameters.values() if p.kind is inspect.Parameter.VAR_POSITIONAL}
    former = set(meaning.get("former") or ())
    wrong = []
    for parameter in meaning.get("params") or ():
        name = parameter.partition("=")[0]
        bare = name.lstrip("*")
        if not bare or bare in former:
            continue
        if bare not in known or (name.startswith("*") and stars and bare not in stars):
            wrong.append(bare)
    return wrong


def versions(document: dict[str, Any], absent: set[str]) -> dict[str, str]:
    """The versions of the installed libraries that the file speaks of, by import root."""
    distributions = metadata.packages_distributions()
    found: dict[str, str] = {}
    for name, _ in named(document):
        root = name.partition(".")[0]
        if root not in absent and root not in found and root in distributions:
            found[root] = metadata.version(distributions[root][0])
    return found


def missing_from_sklearn() -> Iterator[str]:
    """Exported estimators, splitters, metrics and loaders of scikit-learn that no entry describes."""
    if not importable("sklearn"):
        return
    all_estimators = importlib.import_module("sklearn.utils").all_estimators

    described = {name for name, _ in named(yaml.safe_load((FOLDER / "sklearn.yaml").read_bytes()))}
    for _, estimator in all_estimators():
        public = ".".join(estimator.__module__.split(".")[:2]) + "." + estimator.__name__
        text = public.replace("feature_extraction.", "feature_extraction.text.")
        image = public.replace("feature_extraction.", "feature_extraction.image.")
        if described.isdisjoint({public, text, image}) and not estimator.__module__.startswith("sklearn.utils"):
            yield f"sklearn.yaml: no entry for {public}"
    for module in ("sklearn.metrics", "sklearn.datasets", "sklearn.model_selection"):
        exported = importlib.import_module(module)
        for name in exported.__all__:
            path = f"{module}.{name}"
            known = path in described or any(d.startswith(path + ".") for d in described)
            if not known and not name.startswith(("clear_data", "get_data", "DistanceMetric", "cluster")):
                yield f"sklearn.yaml: no entry for {path}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
