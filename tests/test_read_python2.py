"""Python 2 is read as what it means today, on the lines where it stands."""

from __future__ import annotations

import ast

import pytest

from pipeaudit.read.error import ReadError
from pipeaudit.read.python import parse


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("print 'a', x", "print('a', x)"),
        ("print", "print"),
        ("x = 5L\nprint", "x = 5\nprint()"),
        ("print 'a %s' % (\n    x,\n)  # why", "print('a %s' % (\n    x,\n))"),
        ("print ('a %s') % x\nx = 1L", "print(('a %s') % x)\nx = 1"),
        ("print >>log, 'a'; x = 1L", "print('a', file=log); x = 1"),
        ("if x <> 0777: print x", "if x != 0o777: print(x)"),
        ("try:\n    pass\nexcept E, e:\n    raise E, 'no'", "try:\n    pass\nexcept E as e:\n    raise E('no')"),
        ("f(lambda (a, b): `a`)", "f(lambda a, b: repr(a))"),
        ("exec 'x = 1'", "exec('x = 1')"),
        ("if x:\n\tprint 'a'\n        print 'b'", "if x:\n    print('a')\n    print('b')"),
        ("x = 1L  # print 'no'\ny = \"print 'no'\"", "x = 1\ny = \"print 'no'\""),
    ],
)
def test_old_code_means_the_new(old: str, new: str) -> None:
    assert ast.dump(parse("a.py", old.encode())) == ast.dump(ast.parse(new))


@pytest.mark.parametrize("text", ["x = = 1", "print 'a' 'b' +", "def f(:\n    print 1", "{% if x %}"])
def test_what_is_no_python_is_still_refused(text: str) -> None:
    with pytest.raises(ReadError):
        parse("a.py", text.encode())
