"""Which distribution an import comes from: of libraries whose versions change results, and of some often forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# Import name, then the distributions that hold it; libraries for models and data, whose versions change results.
_ANALYTIC = """
    sklearn scikit-learn sklearn scikit-learn-intelex
    torch torch pytorch pytorch-gpu pytorch-cpu
    torchvision torchvision
    torchaudio torchaudio
    torchtext torchtext
    tensorflow tensorflow tensorflow-cpu tensorflow-gpu tensorflow-macos intel-tensorflow
    keras keras tensorflow tf-keras
    tf_keras tf-keras
    jax jax
    flax flax
    xgboost xgboost py-xgboost xgboost-cpu py-xgboost-cpu
    lightgbm lightgbm
    catboost catboost
    imblearn imbalanced-learn imblearn
    statsmodels statsmodels
    pandas pandas
    numpy numpy
    scipy scipy
    polars polars
    dask dask
    pyspark pyspark
    ray ray
    transformers transformers
    datasets datasets
    tokenizers tokenizers transformers
    sentence_transformers sentence-transformers
    diffusers diffusers
    accelerate accelerate
    peft peft
    pytorch_lightning pytorch-lightning lightning
    lightning lightning pytorch-lightning
    lightning_fabric lightning-fabric lightning
    fastai fastai
    timm timm
    cv2 opencv-python opencv-python-headless opencv-contrib-python opencv-contrib-python-headless opencv py-opencv
    skimage scikit-image
    spacy spacy
    nltk nltk
    gensim gensim
    prophet prophet
    fbprophet fbprophet
    optuna optuna
    hyperopt hyperopt
    shap shap
    lime lime
    category_encoders category-encoders
    feature_engine feature-engine
    umap umap-learn
    hdbscan hdbscan
    onnx onnx
    onnxruntime onnxruntime onnxruntime-gpu
    mlflow mlflow mlflow-skinny
    evidently evidently
    fairlearn fairlearn
    great_expectations great-expectations
    pandera pandera
    surprise scikit-surprise
    implicit implicit
"""
_OTHER = """
    dill dill
    joblib joblib
    cloudpickle cloudpickle
    yaml pyyaml ruamel.yaml
    dotenv python-dotenv
    PIL pillow
    bs4 beautifulsoup4 bs4
    matplotlib matplotlib
    seaborn seaborn
    plotly plotly
    streamlit streamlit
    gradio gradio
    flask flask
    fastapi fastapi
    uvicorn uvicorn
    wandb wandb
    dvc dvc
    dvclive dvclive
    hydra hydra-core
    omegaconf omegaconf hydra-core
    prefect prefect
    bentoml bentoml
    tqdm tqdm
    requests requests
    boto3 boto3
    psycopg2 psycopg2 psycopg2-binary
    sqlalchemy sqlalchemy
    cherrypy cherrypy
    paste paste
    click click
    typer typer
    box python-box
"""
# What a distribution brings along: nobody needs to name it beside the other.
_BRINGS = {
    "numpy": "pandas scipy scikit-learn torch tensorflow keras xgboost lightgbm matplotlib statsmodels jax",
    "scipy": "scikit-learn statsmodels xgboost lightgbm seaborn imbalanced-learn",
    "pandas": (
        "apache-airflow astro-sdk-python fastai seaborn statsmodels mlflow datasets prophet evidently streamlit feast"
        " great-expectations catboost"
    ),
    "joblib": "scikit-learn imbalanced-learn nltk",
    "scikit-learn": "imbalanced-learn mlflow sentence-transformers evidently fairlearn category-encoders umap-learn",
    "matplotlib": "seaborn mlflow shap fastai prophet ultralytics wordcloud",
    "torch": "torchvision torchaudio pytorch-lightning lightning timm sentence-transformers accelerate fastai",
    "torchvision": "timm fastai ultralytics",
    "keras": "tensorflow",
    "transformers": "sentence-transformers peft",
    "tokenizers": "transformers sentence-transformers",
    "pyyaml": "pyaml mlflow transformers dvc pytorch-lightning omegaconf huggingface-hub kedro prefect bentoml",
    "requests": "mlflow transformers datasets streamlit huggingface-hub wandb tensorflow dvc",
    "tqdm": "transformers datasets torchtext spacy nltk optuna shap openai",
    "click": "flask mlflow typer uvicorn kedro dvc",
    "pillow": "torchvision matplotlib streamlit scikit-image timm",
    "sqlalchemy": "mlflow optuna prefect",
    "cloudpickle": "mlflow dask",
    "omegaconf": "hydra-core",
    "uvicorn": "gradio",
    "flask": "mlflow",
    "boto3": "sagemaker dvc-s3 awscli smart-open",
    "jax": "flax",
}


def _table(text: str) -> dict[str, tuple[str, ...]]:
    lines = (line.split() for line in text.splitlines() if line.strip())
    return {line[0]: tuple(line[1:]) for line in lines}


ANALYTIC: Mapping[str, tuple[str, ...]] = _table(_ANALYTIC)
KNOWN: Mapping[str, tuple[str, ...]] = {**ANALYTIC, **_table(_OTHER)}


def brought_along(distribution: str, declared: Iterable[str]) -> bool:
    """Whether one of the declared distributions brings it along."""
    return not set(_BRINGS.get(distribution, "").split()).isdisjoint(declared)
