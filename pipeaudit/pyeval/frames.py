"""Names to values while a block of code is evaluated, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from pipeaudit.pyeval.files import PythonFile
from pipeaudit.pyeval.values import NOT_KNOWN, Class, Value


@dataclass(eq=False, slots=True)
class Frame:
    """One scope. `module` is the module's own frame, `outer` the enclosing function's; class bodies are no one's
    outer.
    """

    file: PythonFile
    module_name: str
    names: dict[str, Value] = field(default_factory=dict)
    outer: Frame | None = None
    module: Frame | None = None
    function: str = ""
    owner: Class | None = None
    receiver: Value = None
    foreign: set[str] = field(default_factory=set)  # names declared global or nonlocal
    globals: set[str] = field(default_factory=set)
    returned: list[Value] = field(default_factory=list)
    yielded: list[Value] | None = None
    stars: list[str] = field(default_factory=list)  # modules outside the repository that were imported with a star

    @property
    def top(self) -> Frame:
        return self if self.module is None else self.module

    def load(self, name: str) -> Value:
        frame: Frame | None = self.top if name in self.globals else self
        while frame is not None:
            if name in frame.names:
                return frame.names[name]
            frame = frame.outer
        return self.top.names.get(name, NOT_KNOWN)

    def store(self, name: str, value: Value) -> None:
        if name in self.globals:
            self.top.names[name] = value
        elif name in self.foreign:
            frame = self.outer
            while frame is not None and name not in frame.names:
                frame = frame.outer
            (frame or self.top).names[name] = value
        else:
            self.names[name] = value


class Flow(Enum):
    """How a block ended."""

    ON = "on"
    RETURN = "return"
    RAISE = "raise"
    BREAK = "break"
    CONTINUE = "continue"
    PERHAPS = "perhaps"  # one side of an unknown branch left the block
