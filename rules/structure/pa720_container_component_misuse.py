from pipeaudit.rule import (
    Component,
    Confidence,
    Iterator,
    Match,
    Project,
    Severity,
    StageKind,
    is_test,
    rule,
)


@rule(
    "PA720",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.OTHER,
    controls=("TIP-2",),
    kinds=("global", "lost-output"),
)
def container_component_misuse(project: Project) -> Iterator[Match]:
    """A component that is shipped as one function uses its module, or writes a file that stays in the container.

    It works on the author's machine and fails, or loses its model, on the cluster.

    Kinds: `global` (a name that the body does not make or import itself), `lost-output`.

    Bad, in pipeline.py:

        import pandas as pd
        from kfp import dsl

        @dsl.component(packages_to_install=["pandas==2.2.3"])
        def prepare(path: str):
            pd.read_csv(path).dropna().to_csv("clean.csv")

        @dsl.pipeline(name="example")
        def pipeline(path: str):
            prepare(path=path)

    Good, in pipeline.py:

        from kfp import dsl

        @dsl.component(packages_to_install=["pandas==2.2.3"])
        def prepare(path: str, clean: dsl.Output[dsl.Dataset]):
            import pandas as pd

            pd.read_csv(path).dropna().to_csv(clean.path)

        @dsl.pipeline(name="example")
        def pipeline(path: str):
            prepare(path=path)

    Fix: import inside the function, and write to the path of an `Output[...]`.

    Not seen: what a base image holds under another name; missing types of parameters; objects that can't be handed from
    one component to another; the like in Metaflow and Flyte. Components that are built into an image (`target_image`),
    and container components, may use their module.

    Source: Kubeflow Pipelines, lightweight Python components.
    """
    for path in sorted(project.programs):
        imports = {name.partition(".")[0] for name in project.programs[path].imports}
        if "kfp" in imports and not is_test(path):
            for component in project.components(path):
                yield from _globals(component)
                yield from _lost(project, path, component)


def _globals(component: Component) -> Iterator[Match]:
    if component.outside:
        names = ", ".join(f"`{name}`" for name, _ in component.outside[:5])
        yield Match(
            component.outside[0][1],
            f"component `{component.name}` uses {names} of its module, which is not there when it runs",
            kind="global",
            confidence=Confidence.HIGH,
            fix="Import it, or define it, inside the function.",
            symbol=component.name,
        )


def _lost(project: Project, path: str, component: Component) -> Iterator[Match]:
    """Files of a fixed relative name that the body writes."""
    for touch in project.written:
        event = touch.event
        if touch.program == path and event.function == component.name and not event.at.cell:
            named = str(event.detail.get("path"))
            if "://" not in named and not named.startswith(("/", "~")):
                yield Match(
                    event.at,
                    f"component `{component.name}` writes `{named}` into its container, where it is lost",
                    kind="lost-output",
                    confidence=Confidence.HIGH if event.strong else Confidence.MEDIUM,
                    fix="Write to the path of an Output[...] parameter.",
                    symbol=component.name,
                )
                return
