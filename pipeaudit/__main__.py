"""The way in, for `pipeaudit` and `python -m pipeaudit` alike."""

import sys


def main() -> None:
    """Drops the current folder from where modules are looked for, before anything else: it may be the audited tree."""
    import gc
    import os

    here = os.path.realpath(os.curdir)
    sys.path[:] = [entry for entry in sys.path if entry and os.path.realpath(entry) != here]
    from pipeaudit import replay

    status = replay.again(sys.argv[1:])
    if status is None:
        from pipeaudit.cli import run

        status = run(sys.argv[1:])
        gc.freeze()  # all that is left goes with the process: no last look through it for garbage
    sys.exit(status)


if __name__ == "__main__":
    main()
