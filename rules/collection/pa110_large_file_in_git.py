from pipeaudit.rule import Confidence, Iterator, Location, Match, Project, Severity, rule

_LIMIT = 10_000_000
_MODEL_LIMIT = 5_000_000
_MODELS = (
    ".pkl",
    ".pickle",
    ".joblib",
    ".pt",
    ".pth",
    ".ckpt",
    ".h5",
    ".keras",
    ".onnx",
    ".safetensors",
    ".bin",
    ".pb",
)


@rule(
    "PA110",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("COL-4", "PRE-3"),
)
def large_file_in_git(project: Project) -> Iterator[Match]:
    """A large file lies in git's history: everybody fetches every version of it, forever.

    Git keeps no difference of binary files, and says nothing of which run made which version.

    Bad, in weights.bin:

        (6000000 zeros)

    Good, in weights.bin.dvc:

        outs:
        - md5: 0cc175b9c0f1b6a831c399e269772661
          path: weights.bin

    Fix: track it with DVC or Git LFS, or put it into a registry; strip the outputs of notebooks.

    Not seen: what was removed from the tree and still lies in the history. The limit is 10 MB; of models and of
    notebooks 5 MB. Files that LFS tracks are pointers, and small.

    Source: mllint, version-control/code/git-no-big-files.
    """
    for path in project.repository.paths:
        is_model = path.lower().endswith(_MODELS)
        limit = _MODEL_LIMIT if is_model or path.endswith(".ipynb") else _LIMIT
        size = project.repository.size(path)
        if size > limit and project.repository.tracked(path) and not project.repository.is_lfs(path):
            what = "a notebook" if path.endswith(".ipynb") else "a model" if is_model else "a file"
            yield Match(
                Location(path),
                f"{what} of {size / 1_000_000:.0f} MB is committed to git",
                confidence=Confidence.HIGH,
                fix="Clear the outputs." if path.endswith(".ipynb") else "Track it with DVC or Git LFS.",
            )
