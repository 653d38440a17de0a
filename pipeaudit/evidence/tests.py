"""Tests: which components they reach, data tests, smoke runs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.evidence.ci import done
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.places import is_notebook, is_test, is_test_module
from pipeaudit.evidence.preprocessing import prepared
from pipeaudit.evidence.programs import predict_events, serving_paths, train_events
from pipeaudit.evidence.signal import signal
from pipeaudit.flow.events import Events
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location

_CHECKS = re.compile(r"^assert|\.assert|assert_|\.expect_|pytest\.raises|\.raises$|\.validate$|testing\.assert")


def _tests(facts: Facts) -> Iterator[tuple[str, Events, tuple[str, Location]]]:
    """Test modules that hold at least one test, with the first of them."""
    for path, events in sorted(facts.project.programs.items()):
        if not (
            is_test_module(path) or (is_test(path) and not path.endswith(("conftest.py", "__init__.py")))
        ) or is_notebook(path):
            continue
        found = [(name, at) for name, at in events.functions if name.rpartition(".")[2].lower().startswith("test")]
        if found:
            yield path, events, found[0]


def _asserts(facts: Facts, path: str, events: Events) -> bool:
    if any("assert" in e.roles or _CHECKS.search(e.name) for e in events):
        return True
    return bool(re.search(r"^\s+assert\b|\.assert\w*\(|pytest\.raises|\.expect_\w+\(", facts.text(path), re.MULTILINE))


def _components(facts: Facts) -> dict[str, str]:
    """Files that hold stages, with what they do."""
    found: dict[str, str] = {}
    for each in prepared(facts):
        found.setdefault(each.at.path, "preprocessing")
    for role, kind in (
        ("split", "preprocessing"),
        ("read", "collection"),
        ("metric", "evaluation"),
        ("evaluate", "evaluation"),
    ):
        for event in facts.calls.of(role):
            if not event.name.startswith("builtins."):
                found.setdefault(event.at.path, kind)
    for event in facts.once(train_events):
        found[event.at.path] = "training"
    for node in facts.graph.stages():
        for program in facts.graph.programs(node):
            if program.path.endswith(".py") and not is_test(program.path):
                found.setdefault(program.path, node.kind.value)
    return found


def _reached(facts: Facts, path: str, events: Events) -> set[str]:
    """Files that a test imports or steps into."""
    reached = {event.at.path for event in events if event.at.path != path}
    reached |= set(facts.imported(path))
    return {each for each in reached if not is_test(each)}


@signal("component-tests")
def component_tests(facts: Facts) -> Iterator[Evidence]:
    """Tests with an assertion that reach a file of some stage other than serving."""
    components = facts.once(_components)
    for path, events, (name, at) in _tests(facts):
        if not _asserts(facts, path, events):
            continue
        kinds = sorted({components[each] for each in _reached(facts, path, events) if each in components})
        if kinds:
            yield Evidence(at, f"`{name}` tests {', '.join(kinds)}")


@signal("service-tests")
def service_tests(facts: Facts) -> Iterator[Evidence]:
    """Tests that reach the service, by import or by request."""
    served = facts.once(serving_paths) | {event.at.path for event in facts.once(predict_events)}
    for path, events, (name, at) in _tests(facts):
        reached = _reached(facts, path, events)
        requests = any(
            e.name.startswith(("requests.", "httpx.", "fastapi.testclient", "starlette.testclient"))
            or "test_client" in e.name
            for e in events
        )
        if reached & served or requests:
            strength = Strength.STRONG if facts.profile == "service" and reached & served else Strength.SUPPORTING
            yield Evidence(at, f"`{name}` tests the service", strength)


@signal("helper-tests")
def helper_tests(facts: Facts) -> Iterator[Evidence]:
    for path, events, (name, at) in _tests(facts):
        if _asserts(facts, path, events):
            yield Evidence(at, f"`{name}` tests code of the project", Strength.SUPPORTING)
    for path in facts.paths:
        if re.search(r"(?:^|/)tests?/.*test[-_][^/]*\.[rR]$", path):
            yield Evidence(Location(path), "tests in R", Strength.SUPPORTING)


@signal("data-tests")
def data_tests(facts: Facts) -> Iterator[Evidence]:
    """Tests of data: expectations, schema checks, tests that read data files."""
    for path, events, (name, at) in _tests(facts):
        if (
            re.search(r"(?:^|/)(?:data|datasets?)/|data_test|test_data|test_dataset", path)
            and _asserts(facts, path, events)
        ) or any(re.search(r"great_expectations|pandera|\.expect_", e.name) for e in events):
            yield Evidence(at, f"`{name}` tests data")


@signal("distribution-test")
def distribution_test(facts: Facts) -> Iterator[Evidence]:
    """A statistical test of data among the tests."""
    for event in facts.all_calls.named("scipy.stats.*", "scipy.special.*"):
        if is_test(event.at.path):
            yield Evidence(event.at, "a test compares distributions of the data", Strength.SUPPORTING)
    for _, events, _ in _tests(facts):
        for name, at in events.functions:
            if re.search(r"distribution|outlier|value_range|in_range|bounds", name, re.IGNORECASE):
                yield Evidence(at, f"`{name.rpartition('.')[2]}` looks at the data's range", Strength.SUPPORTING)


@signal("validation-stage")
def validation_stage(facts: Facts) -> Iterator[Evidence]:
    """A stage that validates data before training."""
    for node in facts.graph.stages():
        if (
            re.search(
                r"validate|check_data|data_check|data_quality|quality_check|expectation", node.name, re.IGNORECASE
            )
            and node.declarations
        ):
            yield Evidence(node.at, f"stage `{node.name}` validates", Strength.SUPPORTING)
    for each in facts.evidence("data-schema-call"):
        yield Evidence(each.at, each.what, Strength.SUPPORTING)


@signal("pipeline-smoke-run")
def pipeline_smoke_run(facts: Facts) -> Iterator[Evidence]:
    for found in done(facts, "pipeline"):
        words = f"{found.step.command} {found.step.name} {found.job.name}".lower()
        if re.search(r"smoke|--dry|\bsample|\bsmall|\bquick|\btest run", words):
            yield Evidence(found.step.at, f"CI runs the pipeline small: `{found.what}`", Strength.SUPPORTING)
