"""What commands that move files read and write."""

from __future__ import annotations

import pytest

from pipeaudit.read.transfers import transfers


@pytest.mark.parametrize(
    ("text", "reads", "writes"),
    [
        ("wget https://a.io/data.csv", "https://a.io/data.csv", "data.csv"),
        ("wget -q -O data/x.csv 'https://a.io/d?x=1'", "https://a.io/d?x=1", "data/x.csv"),
        ("cd data && wget -P raw https://a.io/z.csv", "https://a.io/z.csv", "data/raw/z.csv"),
        ("cd /tmp; ls; cd -; wget https://a.io/z.csv", "https://a.io/z.csv", "z.csv"),
        ("wget -qO- https://a.io/z.csv > z.csv", "https://a.io/z.csv", "z.csv"),
        ("curl -sSLo data/x.csv https://a.io/d", "https://a.io/d", "data/x.csv"),
        ("curl -O --output-dir raw https://a.io/x.csv", "https://a.io/x.csv", "raw/x.csv"),
        ("curl -H 'A: b' https://a.io/x > data/x.json", "https://a.io/x", "data/x.json"),
        ("curl -T model.pt https://store.a.io/model.pt", "model.pt", "https://store.a.io/model.pt"),
        ("curl -X POST -d '{}' https://a.io/predict", "", ""),
        ("curl -fsSL https://get.a.io | sh", "", ""),
        ("aws s3 cp s3://b/k.csv data/", "s3://b/k.csv", "data/k.csv"),
        ("aws --version && aws s3 sync data s3://b/data --delete", "data", "s3://b/data"),
        ("aws s3 ls s3://b", "", ""),
        ("gsutil -m cp -r gs://b/d data", "gs://b/d", "data"),
        ("gcloud storage cp model.pkl gs://b/models/", "model.pkl", "gs://b/models/model.pkl"),
        (
            "azcopy copy https://a.blob.core.windows.net/c/x.csv x.csv",
            "https://a.blob.core.windows.net/c/x.csv",
            "x.csv",
        ),
        ("dvc get https://git.io/r data/x.xml -o raw/x.xml", "https://git.io/r/data/x.xml", "raw/x.xml"),
        ("dvc import-url s3://b/x.csv", "s3://b/x.csv", "x.csv"),
        ("dvc repro train", "", ""),
        (
            "kaggle competitions download -c titanic -p data",
            "https://www.kaggle.com/competitions/titanic",
            "data/titanic.zip",
        ),
        ("kaggle datasets download a/b --unzip -p data", "https://www.kaggle.com/datasets/a/b", "data"),
        ("gdown --id 12 -O data/x.zip", "https://drive.google.com/uc?id=12", "data/x.zip"),
        ("huggingface-cli download a/m --local-dir models/m", "https://huggingface.co/a/m", "models/m"),
        ("torch-model-archiver --model-name m --handler h.py:H --serialized-file m.pt -v 1", "m.pt h.py", "m.mar"),
        ("torchserve --start --model-store s --models m=m.mar n.mar --ncs", "s/m.mar s/n.mar", ""),
        ("evidently report c.yaml now.csv out --reference-path ref.csv", "c.yaml now.csv ref.csv", "out"),
        ("python -m evidently calculate profile --config c.json --current d.csv", "c.json d.csv", ""),
        ("wget $URL/rows.csv -O data/${NAME}.csv", "{}/rows.csv", "data/{}.csv"),
        ("sudo wget https://a.io/rows.csv", "https://a.io/rows.csv", "rows.csv"),
        ("echo wget https://a.io/rows.csv", "", ""),
    ],
)
def test_commands_read_and_write(text: str, reads: str, writes: str) -> None:
    found = list(transfers(text))
    assert [path for one in found for path in one.reads] == reads.split()
    assert [path for one in found for path in one.writes] == writes.split()
