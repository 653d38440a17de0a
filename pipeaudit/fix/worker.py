"""The child process in which code of the audited tree meets libcst: questions on standard input, answers on its output.

Whatever the code makes of it ends this process only.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    asked = json.load(sys.stdin)
    sys.path[:] = asked["path"]
    _bound(asked["memory"])
    from pipeaudit.fix.change import Change
    from pipeaudit.fix.python import Wish, rewritten

    answers = []
    for code, wishes in asked["jobs"]:
        made = [Wish(at, column, tuple(end), tuple((a, b) for a, b in forms)) for at, column, end, forms in wishes]
        results = rewritten(code, made, asked["terms"])
        answers.append([[r.start, r.end, r.text] if isinstance(r, Change) else r for r in results])
    json.dump(answers, sys.stdout)


def _bound(memory: int) -> None:
    try:
        import resource
    except ImportError:
        return  # there is no such bound on Windows; the clock is left
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
