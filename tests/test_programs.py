"""Programs are analysed one by one: what ends with one of them leaves the others alone."""

from __future__ import annotations

from typing import Any

from pipeaudit import apis
from pipeaudit.flow.interpret import Interpreter
from pipeaudit.flow.program import analyse
from pipeaudit.read import python
from pipeaudit.resources import Compiled, folder


class _Failing(Interpreter):
    """Fails at the first statement of one program, as a defect of ours would."""

    def run(self, body: tuple[Any, ...], scope: Any) -> bool:
        if self.path == "broken.py":
            raise KeyError("a defect")
        return super().run(body, scope)


def test_a_defect_costs_its_program_only_and_is_told() -> None:
    rules = folder("rules") / "apis"
    source = b"import pandas as pd\n\nrows = pd.read_csv('rows.csv')\n"
    facts = {path: python.read(path, source) for path in ("broken.py", "sound.py")}
    events, problems = analyse(facts, apis.load(rules, (), Compiled(rules)), machine=_Failing)
    assert [event.name for event in events["sound.py"].of("read")] == ["pandas.read_csv"]
    assert [(problem.path, problem.message) for problem in problems] == [
        (
            "broken.py",
            "a defect of pipeaudit ends the analysis (KeyError: 'a defect'): the rest of the program is unknown",
        )
    ]
