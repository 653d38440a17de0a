"""What commands that move files read and write: downloads, copies to and from buckets, imports, model archives.

A target that a command does not name is known by what its tool does; what is only known at run time stays a hole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from posixpath import basename, join, normpath
from urllib.parse import urlsplit

from pipeaudit.read.invocation import Invocation
from pipeaudit.read.program import invocations

# A text that holds none of these moves nothing.
_TOOLS_IN = re.compile(
    r"\b(?:wget|curl|aws|gsutil|gcloud|azcopy|dvc|kaggle|gdown|huggingface-cli|hf|torch-model-archiver|torchserve|evidently)\b"
)
_HOLE = re.compile(r"\$\{?\w+\}?|\$\([^()]*\)|\{\{[^{}]*\}\}|\{[\w.\[\]]{1,100}\}")
_REMOTE = re.compile(r"(?:s3|gs|https?|ftp|abfss?|wasbs?|hdfs)://")
MAX_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Transfer:
    """One command; paths are relative to where the first command started. `name` is what the tool calls the result."""

    tool: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    line: int = 1
    name: str = ""


def transfers(text: str, line: int = 1) -> Iterator[Transfer]:
    """All transfers of a shell text, in order."""
    if len(text) > MAX_TEXT or not _TOOLS_IN.search(text):
        return
    for invocation in invocations(text, line):
        tool = {"tool": invocation.tool, "module": invocation.target}.get(invocation.kind, "")
        read = _READ.get(tool)
        found = read(_Words(invocation)) if read is not None else None
        if found is None:
            continue
        reads, writes, name = found
        placed = [tuple(p for path in paths if (p := _placed(path, invocation.folder))) for paths in (reads, writes)]
        if any(placed):
            yield Transfer(tool, placed[0], placed[1], invocation.line, name)


_Found = tuple[list[str], list[str], str]


def _placed(path: str, folder: str) -> str:
    plain = _HOLE.sub("{}", path).strip()
    if not plain.replace("{}", "").strip("./-*\"'") or any(sign in plain for sign in "$`\n"):
        return ""
    if _REMOTE.match(plain) or plain.startswith(("/", "~", "{}")) or "://" in plain:
        return plain
    return normpath(join(folder, plain)).replace("*", "{}")


class _Words:
    """The words of a command: options with their values, and the rest in order."""

    def __init__(self, invocation: Invocation) -> None:
        self.words = invocation.arguments
        self.redirects = invocation.redirects

    def parted(self, valued: str, skip: int = 0) -> tuple[dict[str, str], list[str]]:
        """`valued`: options that take a word."""
        taking = valued.split()
        options: dict[str, str] = {}
        rest: list[str] = []
        at = skip
        while at < len(self.words):
            word = self.words[at]
            name, equals, value = word.partition("=")
            if not word.startswith("-") or word == "-":
                rest.append(word)
            elif equals:
                options[name] = value
            elif word in taking:
                at += 1
                options[word] = self.words[at] if at < len(self.words) else ""
            elif len(word) > 2 and word[1] != "-" and f"-{word[-1]}" in taking:
                at += 1  # several short options in one: `-sSLo file`
                options[f"-{word[-1]}"] = self.words[at] if at < len(self.words) else ""
            else:
                options[word] = ""
            at += 1
        return options, rest

    @property
    def output(self) -> str:
        return next((target for sign, target in self.redirects if sign in (">", "1>", ">>", ">|")), "")


def _last(url: str) -> str:
    return basename(urlsplit(url).path.rstrip("/")) if "://" in url else basename(url.rstrip("/"))


def _first(options: dict[str, str], *names: str) -> str:
    return next((options[name] for name in names if options.get(name)), "")


def _wget(words: _Words) -> _Found | None:
    options, urls = words.parted("-O -P -o -i -t -T -U -w --output-document --directory-prefix --user-agent --header")
    target, folder = _first(options, "-O", "--output-document"), _first(options, "-P", "--directory-prefix")
    if target == "-":
        target = words.output
        return (urls, [target], "") if target else None
    return urls, [target] if target else [join(folder, _last(url)) for url in urls], ""


def _curl(words: _Words) -> _Found | None:
    options, urls = words.parted(
        "-o -H -X -d -u -A -T -F -m -b -c -e --output --output-dir --header --request --data --data-raw --data-binary "
        "--user --url --retry --max-time --connect-timeout --upload-file --form"
    )
    urls = [*urls, *([options["--url"]] if options.get("--url") else [])]
    sent = _first(options, "-T", "--upload-file")
    if sent:
        return [sent], urls, ""
    target = _first(options, "-o", "--output") or words.output
    folder = options.get("--output-dir", "")
    named = any(name.startswith("-") and not name.startswith("--") and "O" in name for name in options)
    if target and target not in ("-", "/dev/null"):
        return urls, [join(folder, target)], ""
    return (urls, [join(folder, _last(url)) for url in urls], "") if named or "--remote-name" in options else None


def _copied(rest: list[str]) -> _Found | None:
    """Sources and a target; a file that is copied into a folder is in it under its own name."""
    if len(rest) < 2:
        return None
    *sources, target = rest
    into = target.endswith("/") or target == "."
    return sources, [join(target, _last(source)) for source in sources] if into else [target], ""


def _aws(words: _Words) -> _Found | None:
    if words.words[:1] != ("s3",) or words.words[1:2] not in (("cp",), ("sync",), ("mv",)):
        return None
    return _copied(
        words.parted("--exclude --include --profile --region --acl --sse --endpoint-url --storage-class", 2)[1]
    )


def _gsutil(words: _Words) -> _Found | None:
    rest = [word for word in words.parted("-o -h -x -y -z")[1] if word]
    return _copied(rest[1:]) if rest[:1] and rest[0] in ("cp", "rsync", "mv") else None


def _gcloud(words: _Words) -> _Found | None:
    if words.words[:1] != ("storage",) or words.words[1:2] not in (("cp",), ("rsync",), ("mv",)):
        return None
    return _copied(words.parted("--project", 2)[1])


def _azcopy(words: _Words) -> _Found | None:
    return _copied(words.parted("", 1)[1]) if words.words[:1] in (("copy",), ("sync",)) else None


def _dvc(words: _Words) -> _Found | None:
    verb = words.words[0] if words.words else ""
    options, rest = words.parted("-o --out --rev -r --remote -j --jobs -f --file --desc -m --message", 1)
    target = _first(options, "-o", "--out")
    if verb in ("get", "import") and len(rest) >= 2:
        return [f"{rest[0].rstrip('/')}/{rest[1]}"], [target or _last(rest[1])], ""
    if verb in ("get-url", "import-url") and rest:
        return [rest[0]], [target or (rest[1] if len(rest) > 1 else _last(rest[0]))], ""
    return None


def _kaggle(words: _Words) -> _Found | None:
    group, verb = (*words.words[:2], "", "")[:2]
    options, rest = words.parted("-d --dataset -p --path -f --file -c --competition", 2)
    if verb != "download" or group not in ("datasets", "competitions"):
        return None
    name = _first(options, "-d", "--dataset", "-c", "--competition") or (rest[0] if rest else "")
    kind = "datasets/" if group == "datasets" else "competitions/"
    file = _first(options, "-f", "--file")
    folder = _first(options, "-p", "--path")
    written = join(folder, file) if file else folder if "--unzip" in options else join(folder, f"{_last(name)}.zip")
    return ([f"https://www.kaggle.com/{kind}{name}"], [written], "") if name else None


def _gdown(words: _Words) -> _Found | None:
    options, rest = words.parted("-O --output --id")
    source = f"https://drive.google.com/uc?id={options['--id']}" if options.get("--id") else rest[0] if rest else ""
    target = _first(options, "-O", "--output")
    return ([source], [target], "") if source and target else None


def _huggingface(words: _Words) -> _Found | None:
    if words.words[:1] != ("download",):
        return None
    options, rest = words.parted("--local-dir --revision --repo-type --include --exclude --token --cache-dir", 1)
    if not rest:
        return None
    folder = options.get("--local-dir", "")
    files = [join(folder, file) for file in rest[1:]] if folder else []
    kind = "datasets/" if options.get("--repo-type") == "dataset" else ""
    return [f"https://huggingface.co/{kind}{rest[0]}"], files or ([folder] if folder else []), ""


def _archiver(words: _Words) -> _Found | None:
    options, _ = words.parted(
        "--model-name --version -v --model-file --serialized-file --handler --extra-files --runtime --export-path "
        "--archive-format --requirements-file -r --config-file -c"
    )
    name = options.get("--model-name", "")
    if not name:
        return None
    handler = options.get("--handler", "").partition(":")[0]
    reads = [options.get("--serialized-file", ""), options.get("--model-file", ""), options.get("--config-file", "")]
    reads += [handler] if handler.endswith(".py") else []
    reads += [path.strip() for path in options.get("--extra-files", "").split(",")]
    ending = {"no-archive": "", "tgz": ".tar.gz"}.get(options.get("--archive-format", ""), ".mar")
    written = join(options.get("--export-path", ""), f"{name}{ending}")
    return [path for path in reads if path], [written], name


def _torchserve(words: _Words) -> _Found | None:
    options, _ = words.parted("--model-store --ts-config --log-config --models --workflow-store --foreground")
    if "--start" not in options:
        return None
    store = options.get("--model-store", "")
    # `--models` takes all words up to the next option
    at = words.words.index("--models") + 1 if "--models" in words.words else len(words.words)
    named: list[str] = []
    for word in words.words[at:]:
        if word.startswith("-"):
            break
        named.append(word)
    if not named and "--models" in options:
        named = [options["--models"]]
    reads = [_served(store, model) for model in named]
    config = options.get("--ts-config", "")
    return [*(path for path in reads if path), *([config] if config else [])], [], "torchserve"


def _served(store: str, model: str) -> str:
    """`name=file.mar` of a model store; the whole store for `all`."""
    file = model.partition("=")[2] or model
    return store if file == "all" else file if "://" in file else join(store, file)


def _evidently(words: _Words) -> _Found | None:
    """`evidently calculate profile --config C --reference R --current D --output O`, `evidently report C D O`."""
    verb = words.words[0] if words.words else ""
    options, rest = words.parted(
        "--config --reference --current --output --report_name --log_level --option --reference-path --dataset-name", 1
    )
    if verb == "calculate":
        reads = [options.get(name, "") for name in ("--config", "--reference", "--current")]
        return [path for path in reads if path], [path for path in (options.get("--output", ""),) if path], ""
    if verb == "report" and len(rest) >= 3:
        reference = options.get("--reference-path", "")
        return [*rest[:2], *([reference] if reference else [])], [rest[2]], ""
    return None


_READ: dict[str, Callable[[_Words], _Found | None]] = {
    "wget": _wget,
    "curl": _curl,
    "aws": _aws,
    "gsutil": _gsutil,
    "gcloud": _gcloud,
    "azcopy": _azcopy,
    "dvc": _dvc,
    "kaggle": _kaggle,
    "gdown": _gdown,
    "huggingface-cli": _huggingface,
    "hf": _huggingface,
    "torch-model-archiver": _archiver,
    "torchserve": _torchserve,
    "evidently": _evidently,
}
