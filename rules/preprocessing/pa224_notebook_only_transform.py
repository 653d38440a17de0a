from pipeaudit.rule import Confidence, Iterator, Match, Project, Severity, StageKind, rule


@rule(
    "PA224",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.PREPROCESSING,
    controls=("ANT-1", "PRP-4", "TIP-1"),
)
def notebook_only_transform(project: Project) -> Iterator[Match]:
    """A data file that a script, a stage or a service reads is made by a notebook that no stage runs.

    When the raw data changes, nothing makes the file anew: the pipeline goes on with what somebody's kernel once wrote.

    Bad, in clean.ipynb:

        {"cells": [{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 1, "source": [
            "import pandas as pd\\n",
            "pd.read_csv('raw.csv').dropna().to_csv('clean.csv')"]}],
         "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}

    And in train.py:

        import pandas as pd

        print(pd.read_csv("clean.csv").shape)

    Good, in clean.py:

        import pandas as pd

        pd.read_csv("raw.csv").dropna().to_csv("clean.csv")

    And in train.py:

        import pandas as pd

        print(pd.read_csv("clean.csv").shape)

    Fix: move the cells to a script or stage, or run the notebook as a stage (papermill).

    Not seen: files that change their name on the way. Notebooks that a script is generated from (nbdev, jupytext) are
    scripts, and notebooks that a job's configuration names are stages.

    Source: Sculley et al. 2015, prototype smell.
    """
    for file in project.notebook_files:
        if not file.writer.is_model:
            yield Match(
                file.writer.event.at,
                f"`{file.writer.name}` comes out of this notebook alone, and `{file.uses[0].at.path}` uses it",
                confidence=Confidence.HIGH if file.certain else Confidence.MEDIUM,
                related=file.uses[:5],
                fix="Move the cells that make it to a script, or run the notebook as a stage.",
                symbol=file.writer.event.function,
            )
