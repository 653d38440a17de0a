"""The way in, for `pipeaudit` and `python -m pipeaudit` alike."""

import sys


def main() -> None:
    """Drops the current folder from where modules are looked for, before anything else: it may be the audited tree."""
    import os

    here = os.path.realpath(os.curdir)
    sys.path[:] = [entry for entry in sys.path if entry and os.path.realpath(entry) != here]
    from pipeaudit.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
