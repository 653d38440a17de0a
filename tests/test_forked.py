"""A second process changes how long an audit takes, and nothing else."""

from __future__ import annotations

import os
import select
from dataclasses import replace

import pytest

from pipeaudit import engine, forked, resources
from pipeaudit.clock import TimeUp
from pipeaudit.model.choice import Choice
from pipeaudit.request import Request
from tests.conftest import FIXTURES

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes can't be forked here")


@pytest.mark.parametrize("name", ["repositories/churn-service", "rules/pa905_hardcoded_credential"])
def test_two_processes_find_what_one_finds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fork, parents = os.fork, []

    def noted() -> int:
        parents.append(os.getpid())
        return fork()

    monkeypatch.setattr(engine, "can_fork", lambda: True)
    monkeypatch.setattr(os, "fork", noted)
    choice = Choice(packs=("all",))
    alone = Request((FIXTURES / name).resolve(), choice=choice, rule_folders=(resources.folder("rules"),), jobs=1)
    one = engine.audit(alone)
    assert not parents
    two = engine.audit(replace(alone, jobs=2))
    assert parents
    assert one[0].findings
    assert (one[0].findings, one[0].problems, one[1]) == (two[0].findings, two[0].problems, two[1])


def test_each_piece_is_done_once_and_exceptions_that_are_answers_arrive() -> None:
    def work(number: int) -> object:
        return TimeUp(f"{number}") if number % 3 == 0 else number * number

    done, said = forked.shared(300, work, os.getpid)
    assert [str(piece) for piece in done] == [str(work(number)) for number in range(300)]
    assert said != os.getpid()


def test_what_a_dead_second_process_took_is_done_here() -> None:
    here = os.getpid()
    told, tell = os.pipe()

    def work(number: int) -> int:
        if os.getpid() != here:
            os.write(tell, b".")
            os._exit(9)
        if number < 2:  # or this one has done all before the other has begun
            assert select.select([told], [], [], 60)[0]
        return number

    with os.fdopen(told), os.fdopen(tell, "w"):
        assert forked.shared(300, work, os.getpid) == (list(range(300)), None)


def test_a_failure_here_leaves_no_second_process() -> None:
    with pytest.raises(ZeroDivisionError):
        forked.shared(300, lambda number: 1 // 0, os.getpid)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
