"""Conditions on metrics: what a branch compares, and what hangs on it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.places import is_test
from pipeaudit.model.location import Location
from pipeaudit.read import python
from pipeaudit.read.error import ReadError

METRIC = re.compile(
    r"(?:^|[^a-z])(?:f1|f_?beta|rmse|mse|mae|mape|smape|r2|auc|roc_?auc|accuracy|acc|precision|recall|log_?loss|"
    r"ndcg|map|mrr|bleu|rouge\w*|"
    r"wer|iou|dice|silhouette|perplexity|loss|metrics?|scores?|error|performance|drift\w*|psi)(?:$|[^a-z])",
    re.IGNORECASE,
)
_LONGEST_TEST = 400
_MOST_LINES = 10  # of a test that is written over several lines
_ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


@dataclass(frozen=True, slots=True)
class Condition:
    """`test` is what is compared, `calls` the dotted names called under it, `stops` tells of raise and exit."""

    at: Location
    test: str
    calls: tuple[str, ...]
    stops: bool
    in_loop: bool


def conditions(facts: Facts) -> tuple[Condition, ...]:
    """Branches of code outside tests whose test compares something that is named like a metric."""
    found: list[Condition] = []
    for path in facts.paths:
        if path.endswith(".py") and not is_test(path):
            found += _conditions(path, facts.text(path), None)
    for path in facts.notebooks:
        for cell, source in facts.repository.code_cells(path):
            found += _conditions(path, source, cell)
    return tuple(found)


def _conditions(path: str, source: str, cell: int | None) -> Iterator[Condition]:
    if not _may_compare(source):
        return
    try:
        tree = python.parse(path, source.encode("utf-8", "surrogateescape"))
    except ReadError:
        return  # the reader of programs has said so already
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For | ast.While)]
    spans = [(node.lineno, node.end_lineno or node.lineno) for node in loops]
    lines = source.split("\n")
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            test, under = node.test, []
        elif isinstance(node, ast.If):
            test, under = node.test, [*node.body, *node.orelse]
        else:
            continue
        if not any(isinstance(part, ast.Compare) and isinstance(part.ops[0], _ORDERS) for part in ast.walk(test)):
            continue
        words = " ".join(line.strip() for line in lines[test.lineno - 1 : (test.end_lineno or test.lineno)])[
            :_LONGEST_TEST
        ]
        if not METRIC.search(words):
            continue
        parts = [part for statement in under for part in ast.walk(statement)]
        calls = tuple(dict.fromkeys(_dotted(part.func) for part in parts if isinstance(part, ast.Call)))
        stops = isinstance(node, ast.Assert) or any(isinstance(part, ast.Raise) for part in parts)
        stops |= any(call in ("exit", "sys.exit", "quit", "os._exit") for call in calls)
        at = Location(path, node.lineno, cell=cell)
        yield Condition(at, words, calls, stops, any(start < node.lineno <= end for start, end in spans))


def _may_compare(source: str) -> bool:
    """Whether some branch or assertion has an order and a metric's name near: only then is the text parsed."""
    if "<" not in source and ">" not in source:
        return False
    for word in ("if", "assert"):
        at = source.find(word)
        while at >= 0:
            words = _test_behind(source, at + len(word))
            if ("<" in words or ">" in words) and METRIC.search(words):
                return True
            at = source.find(word, at + len(word))
    return False


def _test_behind(source: str, start: int) -> str:
    """The text of a test that begins here: to a line that ends in a colon, or a few lines."""
    if source[start : start + 1].isalnum() or source[start : start + 1] == "_":
        return ""
    end = start
    for _ in range(_MOST_LINES):
        end = source.find("\n", end + 1)
        if end < 0:
            return source[start:]
        if source[end - 1] == ":":
            break
    return source[start:end]


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))
