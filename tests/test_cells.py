"""What each cell of a notebook is for: one notebook, cell by cell, as somebody who reads it would say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeaudit import engine
from pipeaudit.request import Request

READ = "import pandas as pd\nimport numpy as np\nimport matplotlib.pyplot as plt\nrows = pd.read_csv('rows.csv')"
FIT = "from sklearn.linear_model import Ridge\nmodel = Ridge().fit(rows[['a']], rows.b)"
SEARCH = (
    "from sklearn.model_selection import GridSearchCV\n"
    "search = GridSearchCV(model, {'alpha': [1, 2]}).fit(rows, rows.b)"
)
SCORES = "from sklearn.model_selection import cross_val_score\nfound = cross_val_score(model, rows, rows.b)"
Cells = tuple[str, ...]


def kinds(folder: Path, cells: Cells) -> list[str]:
    """Those of the last cell."""
    code: dict[str, object] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    made = [{**code, "source": source} for source in cells]
    notebook = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "a.ipynb").write_text(json.dumps(notebook))
    audit, _ = engine.audit(Request(root=folder))
    return sorted(audit.graph.cells[-1].kinds)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        # definitions are for what their bodies do
        (("def shout(text):\n    return text.upper()",), ["preprocessing"]),
        (("def rmse(y_true, y_pred):\n    return ((y_true - y_pred) ** 2).mean() ** 0.5",), ["evaluation"]),
        (("def show(frame):\n    tidy = frame.dropna()\n    tidy.plot.bar()",), ["exploration"]),
        (("from keras.callbacks import Callback\nclass Stop(Callback):\n    pass",), ["training"]),
        (
            ("def fit(x, y, w, lr):\n    for _ in range(9):\n        w = w - lr * x.T @ (x @ w - y)\n    return w",),
            ["training"],
        ),
        (("def greet():\n    pass",), ["other"]),
        # and so are their calls
        (
            (READ, "def mae(truth, y_hat):\n    return abs(truth - y_hat).mean()", "print(mae(rows.a, rows.b))"),
            ["evaluation"],
        ),
        # lists of columns choose features, other lists do not
        ((READ, "kept = ['a', 'b']", "rows[kept].head()", "kept.remove('a')"), ["preprocessing"]),
        ((READ, "names = ['a', 'b']\nfeatures = rows[names]", "names.append('c')"), ["preprocessing"]),
        ((READ, "seen = []", "seen.append('c')"), ["other"]),
        # loops that fill something make data
        (("import random\nages = []\nfor _ in range(9):\n    ages.append(random.randint(0, 99))",), ["preprocessing"]),
        (("total = 0\nfor n in (1, 2):\n    total += n",), ["other"]),
        # scores that are shown are judged by
        ((READ, FIT, SCORES, "found.mean()"), ["evaluation"]),
        (
            (READ, FIT, SEARCH, "best = pd.DataFrame(search.cv_results_)\nplt.plot(best['mean_test_score'])"),
            ["evaluation", "exploration"],
        ),
        (
            (
                READ,
                FIT,
                SCORES,
                "all_of_them = []\nall_of_them.append(found)",
                "for one in all_of_them:\n    print(all_of_them)",
            ),
            ["evaluation"],
        ),
        # what is worked out for a figure, or picked for the model beside it, is no preparation
        ((READ, "both = rows[['a', 'b']].corr()\nplt.imshow(both)", "both"), ["exploration"]),
        ((READ, "both = rows[['a', 'b']].corr()\nplt.imshow(both)"), ["exploration"]),
        ((READ, "rows['c'] = rows.a * 2\nplt.scatter(rows.c, rows.b)"), ["exploration", "preprocessing"]),
        ((READ, FIT, "x = rows[['a', 'b']]\nmodel.fit(x, rows.b)"), ["training"]),
        # drawing is seen through several axes and methods of methods
        ((READ, "fig, axes = plt.subplots(2, 2)\naxes[0, 1].barh(rows.a, rows.b)"), ["exploration"]),
        ((READ, "bars = rows.a.plot.barh()"), ["exploration"]),
    ],
)
def test_a_cell_is_for_what_a_reader_would_say(tmp_path: Path, cells: Cells, expected: list[str]) -> None:
    assert kinds(tmp_path, cells) == expected
