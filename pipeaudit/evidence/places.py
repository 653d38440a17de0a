"""What a path says about a file: tests, notebooks, vendored code, data and models, by their names."""

from __future__ import annotations

import re
from functools import lru_cache

_TEST = re.compile(
    r"(?:^|/)(?:tests?|testing|spec|specs|e2e)/|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.(?:py|ipynb|r)$",
    re.IGNORECASE,
)
_TEST_FILE = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_tests?|tests?)\.(?:py|r)$", re.IGNORECASE)
_EXAMPLE = re.compile(r"(?:^|/)(?:docs?|examples?|tutorials?|benchmarks?|samples?|demos?)/", re.IGNORECASE)
_DATA = (
    ".csv .tsv .parquet .feather .arrow .avro .orc .jsonl .ndjson .xlsx .xls .arff .libsvm .h5 .hdf5 .npy .npz "
    ".tfrecord "
    ".csv.gz .csv.zip .tsv.gz .json.gz .txt.gz .sqlite .db .rds .rdata .sav .dta .geojson .xml .wav .mat"
).split()
_MODEL = (
    ".pkl .pickle .joblib .pt .pth .ckpt .h5 .keras .onnx .pb .safetensors .cbm .model .bst .sav .bin .mar .tflite .p"
).split()


@lru_cache(maxsize=65536)
def is_test(path: str) -> bool:
    return _TEST.search(path) is not None


def is_test_module(path: str) -> bool:
    """A file that a test runner collects."""
    return _TEST_FILE.search(path) is not None


def is_notebook(path: str) -> bool:
    return path.endswith(".ipynb")


def is_example(path: str) -> bool:
    """Code that shows how a library is used."""
    return _EXAMPLE.search(path) is not None


def is_data(path: str) -> bool:
    return path.lower().endswith(tuple(_DATA))


def is_model(path: str) -> bool:
    return path.lower().endswith(tuple(_MODEL))
