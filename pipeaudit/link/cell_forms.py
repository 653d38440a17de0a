"""What statements of notebooks are by their form alone: what they name, bind, draw, fill, judge or train by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pipeaudit.model.pipeline import StageKind
from pipeaudit.read.python import Class, Expression, Function, Statement

FIGURES = frozenset(
    """plot hist boxplot imshow scatter bar barh pie barplot countplot distplot histplot heatmap pairplot lineplot
    scatterplot plot_surface contour contourf violinplot jointplot iplot""".split()
)
SIZES = frozenset(("shape", "size", "n", "ndim", "nrows", "batch_size"))
NUMBERS = frozenset(("len", "int", "float", "round", "str", "max", "min", "sum", "range", "abs"))
# How parameters that hold predictions are called in metrics and losses.
GUESSED = re.compile(r"(?:y_?|label_?)?(?:pred(?:ict(?:ed|ions?)?|s)?|hat)(?:_y)?$|y_score$|y_prob", re.IGNORECASE)
# What a step of gradient descent is scaled by.
RATE = re.compile(r"lr|learning_?rate|eta|alpha|step_?size", re.IGNORECASE)
FORMS = frozenset(
    """expr assign augment if for while with try def class return import from delete raise assert global jump""".split()
)
BLOCKS = frozenset(("if", "for", "while", "with", "try", "def", "class"))
# What classes are for by the library's class that they extend.
BASES = {
    StageKind.TRAINING: frozenset(("Callback", "Module", "Model", "Layer", "LightningModule")),
    StageKind.PREPROCESSING: frozenset(("Dataset", "Sequence", "IterableDataset", "TransformerMixin")),
}
GROWING = frozenset(("append", "extend", "insert", "add", "update"))


def is_choice(value: Expression) -> bool:
    """Whether a value is columns or rows of something, as they are."""
    while value[0] in ("index", "attr"):
        value = value[2]
        if value[0] == "name":
            return True
    return False


def flat(body: Iterable[Statement]) -> Iterator[Statement]:
    """Statements in order, blocks opened; definitions stay closed."""
    for statement in body:
        yield statement
        form = statement[0]
        if form in ("if", "while"):
            yield from flat(statement[3])
            yield from flat(statement[4])
        elif form == "for":
            yield from flat(statement[4])
            yield from flat(statement[5])
        elif form == "with":
            yield from flat(statement[3])
        elif form == "try":
            for part in statement[2:]:
                yield from flat(bodies(part))


def bodies(part: Any) -> Iterator[Statement]:
    """Statements inside the parts of a try: bodies are tuples of statements, handlers tuples that end in one."""
    for item in part if isinstance(part, tuple) else ():
        if isinstance(item, tuple) and item and isinstance(item[0], str) and item[0] in FORMS:
            yield item
        elif isinstance(item, tuple):
            yield from bodies(item)


def loads(body: Iterable[Statement], inner: bool = True) -> set[str]:
    """Names that statements read; of blocks, without `inner`, only their heads."""
    found: set[str] = set()
    waiting: list[Any] = []
    for statement in body:
        form = statement[0]
        if form == "assign":
            waiting += [statement[3], *stored_into(statement)]
        elif form in BLOCKS and not inner:
            waiting += [statement[2]] if form in ("if", "while") else [statement[3]] if form == "for" else []
        else:
            waiting.append(statement[2:])
    while waiting:
        part = waiting.pop()
        if isinstance(part, tuple):
            if len(part) == 2 and part[0] == "name" and isinstance(part[1], str):
                found.add(part[1])
            elif part and part[0] != "const":
                waiting.extend(part)
    return found


def stored_into(statement: Statement) -> list[Any]:
    """Targets of an assignment that are part of something: `x[...]`, `x.y`."""
    found: list[Any] = []
    waiting = list(statement[2])
    while waiting:
        target = waiting.pop()
        if target[0] in ("tuple", "list"):
            waiting += target[1]
        elif target[0] in ("index", "attr"):
            found.append(target)
    return found


def needs(body: Iterable[Statement]) -> tuple[set[str], set[str]]:
    """Names that a cell reads before it binds them, and names that it binds."""
    reads: set[str] = set()
    binds: set[str] = set()
    for statement in body:
        reads |= loads((statement,)) - binds
        binds.update(bound(statement))
    return reads, binds


def is_number(value: Expression) -> bool:
    """A size, a count or arithmetic on them."""
    form = value[0]
    if form == "const":
        return True
    if form == "call":
        return called(value) in NUMBERS and value[2][0] == "name"
    if form == "attr":
        return value[3] in SIZES
    if form == "index":
        return is_number(value[2]) and value[2][0] != "const"
    if form == "binary":
        return is_number(value[3]) and is_number(value[4])
    return form == "unary" and is_number(value[2])


def is_draw(name: str) -> bool:
    """Random numbers are no data set."""
    return name.startswith(("numpy.random.", "random.", "torch.rand"))


def bound(statement: Statement) -> Iterator[str]:
    form = statement[0]
    targets: list[Any] = []
    if form == "assign":
        targets = list(statement[2])
    elif form in ("augment", "for"):
        targets = [statement[2]]
    while targets:
        target = targets.pop()
        if not isinstance(target, tuple) or not target:
            continue
        if target[0] == "name":
            yield target[1]
        elif target[0] in ("tuple", "list"):
            targets += target[1]
        elif target[0] == "star":
            targets.append(target[1])


def parts(part: Any) -> Iterator[Any]:
    """All tuples inside a part of the statement form, bodies of definitions among them."""
    waiting: list[Any] = [part]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Function | Class):
            waiting.append(part.body)
        elif isinstance(part, tuple) and part and part[0] != "const":
            yield part
            waiting.extend(part)


def draws(statement: Statement) -> bool:
    """Whether a method that draws is called: `frame.plot.barh()`, whatever the frame is."""
    return any(
        part[0] == "call" and len(part) == 5 and part[2][0] == "attr" and part[2][3] in FIGURES
        for part in parts(statement[2:])
    )


def takes(statement: Statement, attributes: frozenset[str]) -> bool:
    """Whether a statement that is no block reads one of these attributes."""
    if statement[0] in BLOCKS:
        return False
    return any(part[0] == "attr" and len(part) == 4 and part[3] in attributes for part in parts(statement[2:]))


def grown(expression: Expression, methods: frozenset[str]) -> str:
    """The name of what a call puts something into or takes it from: `rows.append(row)`."""
    if expression[0] != "call" or expression[2][0] != "attr" or expression[2][3] not in methods:
        return ""
    owner = expression[2][2]
    return str(owner[1]) if owner[0] == "name" else ""


def builds(statement: Statement) -> bool:
    """Whether a loop fills something: a list, a table."""
    return any(
        (part[0] == "expr" and len(part) == 3 and grown(part[2], GROWING))
        or (part[0] == "assign" and len(part) == 4 and stored_into(part))
        for part in parts(statement)
    )


def makes(statement: Statement) -> bool:
    """Whether a definition gives back what it works out, or fills something."""
    returned = any(part[0] == "return" and len(part) == 3 and part[2][0] != "const" for part in parts(statement[2:]))
    return returned or builds(statement[2:])


def judges(statement: Statement) -> bool:
    """Whether a function is handed the truth and what was predicted: a metric or a loss."""
    parameters = statement[2].parameters if statement[0] == "def" else ()
    return len(parameters) > 1 and any(GUESSED.match(parameter.name) for parameter in parameters)


def descends(statement: Statement) -> bool:
    """Whether weights are moved by a rate times something in a loop: training that is written out."""
    for part in parts(statement):
        if part[0] not in ("for", "while") or not isinstance(part[1], tuple):
            continue
        for inner in parts(part[2:]):
            if inner[0] == "augment" and len(inner) == 5 and inner[3] in ("-", "+") and is_scaled(inner[4]):
                return True
            if inner[0] == "assign" and len(inner) == 4 and is_moved(inner[2], inner[3]):
                return True
    return False


def is_moved(targets: Any, value: Expression) -> bool:
    """`w = w - rate * slope`"""
    return value[0] == "binary" and value[2] in ("-", "+") and value[3] in targets and is_scaled(value[4])


def is_scaled(value: Expression) -> bool:
    names = loads((("expr", None, value),)) if value[0] == "binary" and value[2] in ("*", "@", "/") else ()
    return any(RATE.fullmatch(name) for name in names)


def work_of(function: Statement) -> StageKind | None:
    """Training or judging that a function does itself, without a library."""
    if descends(function[2:]):
        return StageKind.TRAINING
    return StageKind.EVALUATION if judges(function) else None


def called_in(statement: Statement) -> frozenset[str]:
    """Functions that are called by their plain names."""
    calls = (part[2] for part in parts(statement[2:]) if part[0] == "call" and len(part) == 5)
    return frozenset(function[1] for function in calls if function[0] == "name")


def of_bases(statement: Statement) -> set[StageKind]:
    bases = statement[2].bases if statement[0] == "class" else ()
    named = {base[1] if base[0] == "name" else base[3] if base[0] == "attr" else "" for base in bases}
    return {kind for kind, names in BASES.items() if named & names}


def indexes(bodies: Iterable[tuple[Statement, ...]]) -> frozenset[str]:
    """Names by which something is indexed, as a frame by a list of its columns."""
    found: set[str] = set()
    for body in bodies:
        for part in parts(body):
            if part[0] == "index" and len(part) == 4:
                found |= loads((("expr", None, part[3]),))
    return frozenset(found)


def is_list_of_names(value: Expression) -> bool:
    return (
        value[0] in ("list", "tuple")
        and bool(value[1])
        and all(item[0] == "const" and isinstance(item[1], str) for item in value[1])
    )


def called(expression: Expression) -> str:
    """The last part of the name of the call that an expression is; "" where it is none."""
    if expression[0] != "call":
        return ""
    function = expression[2]
    return str(function[1]) if function[0] == "name" else str(function[3]) if function[0] == "attr" else ""


def changes_in_place(expression: Expression) -> bool:
    if expression[0] != "call":
        return False
    return any(name == "inplace" and value == ("const", True) for name, value in expression[4])
