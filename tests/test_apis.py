"""The API files: their form, the record of what was checked against the libraries, and the index that they make."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pipeaudit import apis

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "rules" / "apis"
FILES = sorted(FOLDER.glob("*.yaml"))
PORTS = frozenset(
    "from X y data of path value obj true pred steps steer target model current reference via count cuts".split()
)
RECORD = json.loads((FOLDER / "CHECKED.json").read_text())


def parsed(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(file.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return document


def members(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every meaning in a file with the place where it stands."""
    found: list[tuple[str, dict[str, Any]]] = []
    for entry in document.get("entries", []):
        place = entry.get("name") or entry["names"][0]
        found.append((place, entry))
        for kind in ("methods", "attributes"):
            found.extend((f"{place}.{name}", meaning) for name, meaning in entry.get(kind, {}).items())
    for name, shape in document.get("protocols", {}).items():
        for kind in ("methods", "attributes"):
            found.extend((f"{name}.{member}", meaning) for member, meaning in shape.get(kind, {}).items())
    found.extend((entry.get("name") or entry["names"][0], entry) for entry in document.get("duck", []))
    return found


@pytest.fixture(scope="module")
def schema() -> Any:
    return jsonschema.Draft202012Validator(json.loads((ROOT / "reports" / "schema" / "apis.schema.json").read_text()))


@pytest.fixture(scope="module")
def knowledge() -> apis.Knowledge:
    return apis.load(FOLDER)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_file_has_the_form(file: Path, schema: Any) -> None:
    errors = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in schema.iter_errors(parsed(file))]
    assert errors == []


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_ports_and_conditions_name_parameters(file: Path) -> None:
    unknown = []
    for place, meaning in members(parsed(file)):
        parameters = {p.lstrip("*").partition("=")[0] for p in meaning.get("params", [])}
        ports = parameters | {"self", "ret"}
        for effect in [
            *meaning.get("effects", []),
            *(e for v in meaning.get("variants", []) for e in v.get("effects", [])),
        ]:
            for field, value in effect.items():
                if field in PORTS:
                    named = value if isinstance(value, list) else [value]
                    unknown += [
                        f"{place}: {field}: {n}" for n in named if n is not None and n.partition(".")[0] not in ports
                    ]
            unknown += [f"{place}: when: {n}" for n in keys_of(effect.get("when")) - parameters]
        for variant in meaning.get("variants", []):
            unknown += [f"{place}: variant: {n}" for n in keys_of(variant["when"]) - parameters]
        returns = meaning.get("returns")
        for kind in returns if isinstance(returns, list) else [returns]:
            if isinstance(kind, str) and kind.startswith("arg:") and kind[4:] not in ports:
                unknown.append(f"{place}: returns: {kind}")
    assert unknown == []


def keys_of(condition: Any) -> set[str]:
    if isinstance(condition, list):
        return {key for part in condition for key in part}
    return set(condition or ())


def test_names_are_said_once() -> None:
    seen: dict[str, str] = {}
    twice = []
    for file in FILES:
        for entry in parsed(file).get("entries", []):
            for name in [entry["name"]] if "name" in entry else entry["names"]:
                if name in seen and not (entry.get("since") or entry.get("until")):
                    twice.append(f"{name}: {seen[name]} and {file.name}")
                seen[name] = file.name
    assert twice == []


def test_protocols_and_bases_exist() -> None:
    documents = [parsed(file) for file in FILES]
    protocols = {name for document in documents for name in document.get("protocols", {})}
    named = {
        name
        for document in documents
        for e in document.get("entries", [])
        for name in ([e["name"]] if "name" in e else e["names"])
    }
    lost = [
        (entry.get("name") or entry["names"][0], lack)
        for document in documents
        for entry in document.get("entries", [])
        for lack in [
            *({entry["protocol"]} - protocols if "protocol" in entry else ()),
            *(set(entry.get("bases", ())) - named),
        ]
    ]
    assert lost == []


def test_record_is_of_these_files() -> None:
    place = importlib.util.spec_from_file_location("check_apis", ROOT / "tools" / "check_apis.py")
    assert place is not None
    assert place.loader is not None
    tool = importlib.util.module_from_spec(place)
    place.loader.exec_module(tool)
    digests = {file.name: tool.digest(parsed(file)) for file in FILES}
    assert {name: kept["digest"] for name, kept in RECORD.items()} == digests, "run tools/check_apis.py"


@pytest.mark.parametrize(
    ("name", "roles", "effect"),
    [
        ("sklearn.cross_validation.train_test_split", ("split",), "split"),
        ("sklearn.ensemble.forest.RandomForestClassifier", ("construct_model",), ""),
        ("modin.pandas.read_csv", ("read",), "reads"),
        ("pandas.DataFrame.shift", (), ""),
    ],
)
def test_old_and_foreign_paths_lead_to_the_entry(
    knowledge: apis.Knowledge, name: str, roles: tuple[str, ...], effect: str
) -> None:
    entry = knowledge.entry(name)
    assert (entry.roles if entry else ()) == roles
    assert not effect or (entry is not None and entry.effects[0]["op"] == effect)


@pytest.mark.parametrize(
    ("owner", "method", "returns"),
    [
        ("pandas.DataFrame", "shift", "arg:self"),
        ("pandas.DataFrame", "mean", "pandas.Series"),
        ("pandas.Series", "mean", "float"),
        ("sklearn.preprocessing.StandardScaler", "fit_transform", "numpy.ndarray"),
        ("sklearn.model_selection.GridSearchCV", "best_estimator_", "self"),
    ],
)
def test_methods_are_found_in_classes_bases_and_protocols(
    knowledge: apis.Knowledge, owner: str, method: str, returns: str
) -> None:
    found = knowledge.method(owner, method)
    assert found is not None
    assert (found.name, found.returns) == (f"{owner}.{method}", returns)
