"""Databricks asset bundles: each task of a job is a stage, `depends_on` its order; pipelines, endpoints and monitors
that the bundle sets up are stages, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from pipeaudit.ignore import Patterns
from pipeaudit.located import located
from pipeaudit.model.pipeline import Program, StageKind
from pipeaudit.read.node import ABSENT, Node
from pipeaudit.system import ConfigSource, Declared, Problem, Sources, Stage, config_system, resolve

_VARIABLE = re.compile(r"\$\{var\.([\w-]{1,100})\}")
_REFERENCE = re.compile(r"\$\{[^{}]{1,200}\}")
_RESOURCE = re.compile(r"\$\{resources\.(jobs|pipelines)\.([\w-]{1,200})\.id\}")
_TASK_VALUE = re.compile(r"\{\{\s*tasks\.\[?([\w-]{1,200})\]?\.values\.\[?([\w-]{1,200})\]?\s*\}\}")
_HERE: Final = ("${workspace.file_path}", "${workspace.root_path}/files")
_MOST_FILES: Final = 200


@config_system("databricks", "databricks.yml", "databricks.yaml", "bundle.yml", "bundle.yaml", containing=(b"bundle",))
def stages(source: ConfigSource) -> Iterator[Declared]:
    bundle = _Bundle(source)
    yield from bundle.read()
    for job in bundle.jobs.values():
        yield from bundle.job_stages(job)
    for name, found in bundle.others.items():
        yield from bundle.resource_stage(name, found)


@dataclass(slots=True)
class _Placed:
    """A node with the folder that its paths are meant from."""

    node: Node
    folder: str
    target: str = ""  # where one target alone has it


@dataclass(slots=True)
class _Job:
    key: Node
    tasks: dict[str, _Placed] = field(default_factory=dict)


@dataclass(slots=True)
class _Bundle:
    source: ConfigSource
    jobs: dict[str, _Job] = field(default_factory=dict)
    pipelines: dict[str, _Placed] = field(default_factory=dict)
    others: dict[str, tuple[str, Node, Node]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    started: dict[str, list[str]] = field(default_factory=dict)
    in_tasks: set[str] = field(default_factory=set)  # pipelines that tasks run
    last: dict[str, list[str]] = field(default_factory=dict)  # by job: its tasks that no other one waits for
    programs: dict[str, list[Program]] = field(default_factory=dict)  # by pipeline

    @property
    def sources(self) -> Sources:
        return self.source.sources

    def read(self) -> Iterator[Problem]:
        """The bundle's own file and all that it includes; a target adds to what stands under `resources`."""
        documents = [self.source.document]
        for path in self._included():
            documents += self.sources.yaml(path)
        for document in documents:
            for name, body in document.items("variables"):
                self.variables[name.raw] = body.get("default").text if body.is_mapping else body.text
        places: dict[tuple[str, str], Node] = {}
        for document in documents:
            for kind, listed in document.items("resources"):
                for key, _ in listed.entries:
                    first = places.setdefault((kind.raw, key.raw), key)
                    if first is not key:
                        yield Problem(
                            key.path,
                            key.line,
                            f"{kind.raw} `{key.raw}` is declared in {first.path} at line {first.line}, too",
                        )
            for key, job_body in document.items("resources", "jobs"):
                for task_body in job_body.list("tasks"):
                    if not task_body.get("task_key").text:
                        yield Problem(task_body.path, task_body.line, f"a task of job `{key.raw}` has no `task_key`")
            self._take(document.get("resources"), "")
        for document in documents:
            for target, body in (*document.items("targets"), *document.items("environments")):
                self._take(body.get("resources"), target.raw)
            for named in document.list("python", "resources"):
                yield Problem(named.path, named.line, f"jobs that Python code makes (`{named.text}`) are not read")
        for job in self.jobs.values():
            for task_key, task in job.tasks.items():
                for called in _references(task.node, "jobs"):
                    self.started.setdefault(called, []).append(self._key(job, task_key))
                self.in_tasks.update(_references(task.node, "pipelines"))
            waited = {wait.get("task_key").text for one in job.tasks.values() for wait in one.node.list("depends_on")}
            self.last[job.key.raw] = [self._key(job, name) for name in job.tasks if name not in waited]

    def _included(self) -> list[str]:
        lines = [f"/{resolve(self.source.folder, pattern)}" for pattern in self.source.document.strings("include")]
        if not lines:
            return []
        patterns = Patterns(line for line in lines if not line.startswith("/.."))
        return [
            path
            for path in self.sources.paths
            if path.endswith((".yml", ".yaml"))
            and path != self.source.path
            and patterns.verdict(path.split("/"), is_folder=False)
        ][:_MOST_FILES]

    def _take(self, resources: Node, target: str) -> None:
        folder = resources.path.rpartition("/")[0]
        for key, body in resources.items("jobs"):
            job = self.jobs.setdefault(key.raw, _Job(key))
            for task in body.list("tasks"):
                if name := task.get("task_key").text:
                    job.tasks.setdefault(name, _Placed(task, folder, target))
        for key, body in resources.items("pipelines"):
            self.pipelines.setdefault(key.raw, _Placed(body, folder))
            self.others.setdefault(f"pipelines.{key.raw}", ("pipeline", key, body))
        for kind in ("model_serving_endpoints", "quality_monitors"):
            for key, body in resources.items(kind):
                self.others.setdefault(f"{kind}.{key.raw}", (kind, key, body))

    def _key(self, job: _Job, task: str) -> str:
        return f"{self.source.path}:{job.key.raw}:{task}"

    def job_stages(self, job: _Job) -> Iterator[Declared]:
        given = {name: dict.fromkeys(_values(task.node)) for name, task in job.tasks.items()}
        set_by: dict[str, dict[str, None]] = {}
        for values in given.values():
            for name, value in values:
                set_by.setdefault(name, {})[value] = None
        for name, task in job.tasks.items():
            waits = [wait.get("task_key") for wait in task.node.list("depends_on")]
            yield from self._faults(job, name, task, waits)
            body = task.node.get("for_each_task", "task") or task.node
            after = [self._key(job, wait.text) for wait in waits if wait.text != name]
            for wait in waits:
                after += self._ends_of(job.tasks.get(wait.text))
            if not waits:
                after += self.started.get(job.key.raw, ())
            yield Stage(
                name=self._filled(name),
                system="databricks",
                at=task.node.get("task_key").at,
                key=self._key(job, name),
                reads=tuple(f"databricks:{job.key.raw}#{one}.{value}" for one, value in given[name]),
                writes=tuple(f"databricks:{job.key.raw}#{name}.{value}" for value in set_by.get(name, ())),
                after=tuple(dict.fromkeys(after)),
                runs=tuple(self._runs(_Placed(body, task.folder))),
                kind=StageKind.OTHER if body.get("condition_task") else None,
                params=tuple(key.raw for key, _ in body.items("notebook_task", "base_parameters")),
                pipeline=f"{self.source.path}:{job.key.raw}",
                note=_note(task),
            )

    def _faults(self, job: _Job, name: str, task: _Placed, waits: list[Node]) -> Iterator[Problem]:
        for wait in waits:
            if wait.text == name:
                yield Problem(wait.path, wait.line, f"task `{name}` depends on itself")
            elif wait.text not in job.tasks:
                yield Problem(
                    wait.path, wait.line, f"task `{name}` depends on `{wait.text}`, which is no task of this job"
                )
        for called in _references(task.node, "jobs"):
            if called not in self.jobs:
                why = f"task `{name}` runs job `{called}`, which the bundle does not have"
                yield Problem(task.node.path, task.node.line, why)

    def _ends_of(self, task: _Placed | None) -> Iterator[str]:
        """The last tasks of the job that a task runs: whoever waits for the task waits for these."""
        for called in _references(task.node, "jobs") if task is not None else ():
            yield from self.last.get(called, ())

    def resource_stage(self, name: str, found: tuple[str, Node, Node]) -> Iterator[Declared]:
        """A pipeline that no task runs, an endpoint that serves, a monitor."""
        kind, key, body = found
        reads: list[str] = []
        decided: StageKind | None = None
        runs: tuple[Program, ...] = ()
        if kind == "pipeline":
            if key.raw in self.in_tasks:
                return
            runs = tuple(self._pipeline(key.raw))
        elif kind == "model_serving_endpoints":
            decided = StageKind.DEPLOYMENT
            served = (*body.list("config", "served_entities"), *body.list("config", "served_models"))
            reads = [self._filled(one.get("entity_name").text or one.get("model_name").text) for one in served]
        else:
            decided = StageKind.MONITORING
            reads = [self._filled(body.get("table_name").text)]
        yield Stage(
            name=key.raw,
            system="databricks",
            at=key.at,
            key=f"{self.source.path}:{name}",
            reads=tuple(f"databricks:{read}" for read in reads if read),
            runs=runs,
            kind=decided,
            pipeline=f"{self.source.path}:{name}",
        )

    def _runs(self, task: _Placed) -> Iterator[Program]:
        node = task.node
        notebook = node.get("notebook_task", "notebook_path").text
        script = node.get("spark_python_task", "python_file").text
        for path in (notebook, script):
            if path and (found := self._located(path, task.folder)):
                arguments = node.strings("spark_python_task", "parameters") if path is script else ()
                yield Program(path=found, arguments=arguments)
        if wheel := node.get("python_wheel_task"):
            yield from self._wheel(wheel)
        for called in _references(node, "pipelines"):
            yield from self._pipeline(called)
        if dbt := node.get("dbt_task"):
            folder = resolve(task.folder, dbt.get("project_directory").text or ".")
            yield from (Program(command=command, folder=folder) for command in dbt.strings("commands"))
        if submitted := node.strings("spark_submit_task", "parameters"):
            yield Program(command=f"spark-submit {' '.join(submitted)}", folder=task.folder)

    def _pipeline(self, name: str) -> list[Program]:
        """The notebooks and files of a pipeline."""
        if name not in self.programs:
            self.programs[name] = []
            pipeline = self.pipelines.get(name)
            for library in pipeline.node.list("libraries") if pipeline is not None else ():
                self.programs[name] += self._library(library, pipeline.folder if pipeline is not None else "")
        return self.programs[name]

    def _library(self, library: Node, folder: str) -> Iterator[Program]:
        path = library.get("notebook", "path").text or library.get("file", "path").text
        if path and (found := self._located(path, folder)):
            yield Program(path=found)
        if pattern := library.get("glob", "include").text:
            patterns = Patterns([f"/{self._resolved(pattern, folder)}"])
            yield from (
                Program(path=path)
                for path in self.sources.paths
                if path.endswith((".py", ".ipynb")) and patterns.match(path)
            )

    def _wheel(self, task: Node) -> Iterator[Program]:
        """The function behind an entry point, as the package's own metadata or, without one, its name tells."""
        package, entry = task.get("package_name").text, task.get("entry_point").text
        module, _, function = self._entry_points().get(entry, "").partition(":")
        if not module:
            module, function = package, entry
        path = self.sources.modules.find(module, self.source.path) if module else None
        if path is not None and path.endswith(".py"):
            yield Program(path=path, function=function, arguments=task.strings("parameters"))

    def _entry_points(self) -> dict[str, str]:
        path = f"{self.source.folder}/pyproject.toml".lstrip("/")
        document = self.sources.toml(path) if path in self.sources else None
        if document is None:
            return {}
        tables = (
            document.items("project", "scripts"),
            *(group.entries for _, group in document.items("project", "entry-points")),
            document.items("tool", "poetry", "scripts"),
        )
        return {key.raw: value.text for table in tables for key, value in table if value.text}

    def _located(self, path: str, folder: str) -> str | None:
        """Where a path of a task leads; notebooks may be named without an extension."""
        wanted = self._resolved(path, folder)
        if "{}" in wanted or "://" in wanted or wanted.startswith("dbfs:"):
            return None
        endings = ("", ".py", ".ipynb", ".sql", ".r", ".R", ".scala")
        exact = next((wanted + ending for ending in endings if wanted + ending in self.sources), None)
        return exact or next((p for end in endings if (p := located(wanted + end, "", self.sources))), None)

    def _resolved(self, path: str, folder: str) -> str:
        for here in _HERE:
            if path.startswith(here):
                path, folder = path.removeprefix(here).lstrip("/"), self.source.folder
        return resolve(folder, self._filled(path))

    def _filled(self, text: str) -> str:
        """A text with the defaults of its variables, holes for what only a run knows."""
        return _REFERENCE.sub("{}", _VARIABLE.sub(lambda found: self.variables.get(found[1]) or "{}", text))


def _references(task: Node, kind: str) -> list[str]:
    """Keys of the jobs or pipelines of the bundle that a task runs."""
    inner = task.get("for_each_task", "task")
    listed = [
        node.get(*way).text
        for node in (task, inner)
        for way in (("run_job_task", "job_id"), ("pipeline_task", "pipeline_id"))
    ]
    return [name for text in listed for of, name in _RESOURCE.findall(text) if of == kind]


def _values(task: Node) -> list[tuple[str, str]]:
    """Values of other tasks that a task is given: `{{tasks.check.values.score}}`."""
    return [
        found
        for node in task.walk()
        if node.shape != ABSENT and node.is_scalar
        for found in _TASK_VALUE.findall(node.raw)
    ]


_KINDS_OF_TASKS = {
    "condition_task": "a condition",
    "run_job_task": "runs a job",
    "pipeline_task": "runs a pipeline",
    "sql_task": "runs SQL",
    "spark_jar_task": "runs a JAR",
    "for_each_task": "one of many",
}


def _note(task: _Placed) -> str:
    notes = [note for key, note in _KINDS_OF_TASKS.items() if task.node.get(key)]
    return ", ".join([*notes, *([f"only in target {task.target}"] if task.target else [])])
