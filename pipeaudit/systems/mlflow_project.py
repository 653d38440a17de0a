"""MLflow Projects: each entry point of an MLproject file is a stage; MLflow itself declares no order between them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.model.pipeline import Program
from pipeaudit.system import ConfigSource, Declared, Stage, config_system


@config_system("mlflow", "MLproject")
def stages(source: ConfigSource) -> Iterator[Declared]:
    project = source.document.get("name").text
    for name, body in source.document.items("entry_points"):
        command = re.sub(r"\{[\w.]{1,100}\}", "{}", body.get("command").text)
        yield Stage(
            name=name.raw,
            system="mlflow",
            at=name.at,
            key=f"{source.path}:{name.raw}",
            runs=(Program(command=command, folder=source.folder),) if command else (),
            params=tuple(key.raw for key, _ in body.items("parameters")),
            pipeline=project,
        )
