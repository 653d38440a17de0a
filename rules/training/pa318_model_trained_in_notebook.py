from pipeaudit.rule import Confidence, Iterator, Match, Project, Severity, StageKind, rule


@rule(
    "PA318",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.TRAINING,
    controls=("TIP-1", "TRN-3", "ANT-1"),
)
def model_trained_in_notebook(project: Project) -> Iterator[Match]:
    """A model that a service, a release or another stage uses is made by a notebook that no stage runs.

    Nobody can make it again from the repository alone: the cells' order, the kernel's state and the data of that
    day are not recorded.

    Bad, in train.ipynb:

        {"cells": [{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 1, "source": [
            "import joblib\\n",
            "from sklearn.datasets import load_iris\\n",
            "from sklearn.linear_model import LogisticRegression\\n",
            "X, y = load_iris(return_X_y=True)\\n",
            "model = LogisticRegression().fit(X, y)\\n",
            "joblib.dump(model, 'model.pkl')"]}],
         "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}

    And in app.py:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")

    Good, in train.py:

        import joblib
        from sklearn.datasets import load_iris
        from sklearn.linear_model import LogisticRegression

        X, y = load_iris(return_X_y=True)
        joblib.dump(LogisticRegression().fit(X, y), "model.pkl")

    And in app.py:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")

    Fix: move the training cells to a script or stage, or run the notebook as a stage (papermill); keep it for
    exploration.

    Not seen: models that travel through a registry or by hand under another name. Notebooks that a script is generated
    from (nbdev, jupytext) are scripts.

    Source: Sculley et al. 2015, prototype smell.
    """
    for file in project.notebook_files:
        if file.writer.is_model:
            yield Match(
                file.writer.event.at,
                f"`{file.writer.name}` comes out of this notebook alone, and `{file.uses[0].at.path}` uses it",
                confidence=Confidence.HIGH if file.certain else Confidence.MEDIUM,
                related=file.uses[:5],
                fix="Train it in a script or stage of its own; keep the notebook for exploration.",
                symbol=file.writer.event.function,
            )
