from pipeaudit.rule import Confidence, Event, Iterator, Match, Project, Severity, is_example, is_test, rule

_DOES = {
    "collects": ("read", "query", "download", "load_dataset"),
    "prepares": ("transform", "impute", "encode", "scale", "filter", "join", "fit_transformer", "tokenize"),
    "splits": ("split",),
    "trains": ("train", "search", "backward"),
    "evaluates": ("metric", "evaluate"),
    "saves or deploys": ("save_model", "register", "deploy", "export"),
}
_FEWEST_KINDS = 4
_LONGEST = 80


@rule(
    "PA712",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=None,
    controls=("TIP-2", "TRN-3"),
    kinds=("monolith", "work-at-import"),
)
def monolithic_stage(project: Project) -> Iterator[Match]:
    """One long function or script does everything from reading to saving, or a module trains when it is imported.

    No part of it can be tested, run again or replaced alone.

    Kinds: `monolith`, `work-at-import`.

    Bad, in model.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        model = LogisticRegression().fit(rows[["a"]], rows["b"])

    And in dvc.yaml:

        stages:
          report:
            cmd: python report.py
            outs: [report.txt]

    And in report.py:

        from model import model

        print(model.coef_)

    Good, in model.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        def fitted():
            rows = pd.read_csv("rows.csv")
            return LogisticRegression().fit(rows[["a"]], rows["b"])

    And in dvc.yaml:

        stages:
          report:
            cmd: python report.py
            outs: [report.txt]

    And in report.py:

        from model import fitted

        print(fitted().coef_)

    Fix: cut it into functions, one for each stage, and call them behind `if __name__ == "__main__"`.

    Not seen: how many statements there are: lines between the first and the last step are counted, and up to 80 are
    fine. Notebooks and studies are not counted.

    Source: Sculley et al. 2015, abstraction debt.
    """
    if project.profile in ("study", "none", "library"):
        return
    for path in sorted(project.programs):
        program = project.programs[path]
        if is_test(path) or is_example(path) or program.is_notebook:
            continue
        own = [event for event in program if event.at.path == path]
        for function in dict.fromkeys(event.function for event in own):
            yield from _monolith([event for event in own if event.function == function])
        yield from _at_import(project, path, own)


def _monolith(events: list[Event]) -> Iterator[Match]:
    does = [what for what, roles in _DOES.items() if any(role in event.roles for event in events for role in roles)]
    lines = [event.at.line for event in events]
    if len(does) >= _FEWEST_KINDS and max(lines) - min(lines) > _LONGEST:
        first = min(events, key=lambda event: event.at.line)
        name = f"`{first.function}`" if first.function else "this script"
        yield Match(
            first.at,
            f"{name} {', '.join(does)}, over {max(lines) - min(lines) + 1} lines",
            kind="monolith",
            confidence=Confidence.MEDIUM,
            fix="Cut it into one function for each stage.",
            symbol=first.function,
        )


def _at_import(project: Project, path: str, own: list[Event]) -> Iterator[Match]:
    """Training at the top of a module that another program imports."""
    guarded = any("main" in event.roles for event in own)
    for event in own:
        if event.function or "train" not in event.roles or guarded:
            continue
        for other, program in sorted(project.programs.items()):
            if (
                other != path
                and not is_test(other)
                and any(e.at == event.at and not e.function for e in program.of("train"))
            ):
                yield Match(
                    event.at,
                    f"this trains whenever `{other}` imports the module",
                    kind="work-at-import",
                    confidence=Confidence.MEDIUM,
                    fix="Put it into a function.",
                )
                return
