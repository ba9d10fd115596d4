"""A Bento in BentoML's store, from a folder that holds what it needs and nothing else."""

import contextlib
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import bentoml
import bentoml.exceptions
import msgspec

from bentos.web.container_image import REQUIREMENTS, WEIGHTS

ROOT = Path(__file__).parents[1]
_WEIGHTS = ROOT / "deploy" / "local" / "weights.txt"
_COMMON = (
    "bentos/__init__.py",
    "bentos/web",
    "mapper_svc/__init__.py",
    "mapper_svc/adapters/__init__.py",
    "mapper_svc/adapters/marked_yaml.py",
    "mapper_svc/adapters/taxonomy_files.py",
    "mapper_svc/data/taxonomy",
    "mapper_svc/domain/__init__.py",
    "mapper_svc/domain/label_key.py",
    "mapper_svc/domain/normalised_label.py",
    "mapper_svc/domain/prompt.py",
    "mapper_svc/domain/taxonomy.py",
    "pipelines/__init__.py",
    "pipelines/lib/__init__.py",
    "pipelines/lib/scoring",
)
_BENTOFILE = "bentofile.yaml"
_NAME = re.compile(r"^[A-Za-z0-9._-]+")


class BuildError(Exception):
    """A Bento could not be built."""


def build_bento(
    service: str,
    own: Iterable[str],
    *,
    arguments: Mapping[str, str],
    folders: Mapping[str, Path],
    labels: Mapping[str, str],
    version: str,
) -> str:
    """Builds a Bento.

    Args:
        service: import path of the service.
        own: files and folders of the service itself, below the repository.
        arguments: its build arguments.
        folders: what else it is made of, by the name it has in the Bento.
        labels: what the Bento says about itself.
        version: its version; one that is there already is replaced.

    Returns:
        The tag of the Bento, which is in the store under BENTOML_HOME.

    Raises:
        BuildError: BentoML could not build it; says what it said.
    """
    tag = f"{bento_name(service)}:{version}"
    # What an earlier build of the same left behind, whole or not.
    with contextlib.suppress(bentoml.exceptions.NotFound):
        bentoml.bentos.delete(tag)
    with tempfile.TemporaryDirectory(prefix="bento-") as made:
        context = Path(made)
        for name in (*_COMMON, *own):
            _copy(ROOT / name, context / name)
        for name, folder in folders.items():
            _copy(folder, context / name)
        (context / REQUIREMENTS).write_text("\n".join(_requirements()) + "\n", "utf-8")
        shutil.copyfile(_WEIGHTS, context / WEIGHTS)
        bentofile = {"service": service, "labels": dict(labels), "include": ["**"], "args": dict(arguments)}
        (context / _BENTOFILE).write_bytes(msgspec.yaml.encode(bentofile))
        _run("build", ".", "-f", _BENTOFILE, "--version", version, cwd=context)
    return tag


def bento_name(service: str) -> str:
    """Returns the name of a service's Bentos: that of its package."""
    return service.split(".")[1]


def _run(*arguments: str, cwd: Path) -> None:
    # A process of its own, so that what is imported is what was copied.
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "bentoml", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(f"bentoml {arguments[0]} failed: {done.stderr.strip() or done.stdout.strip()}")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__", "release", "*.png", "*.sh")
        shutil.copytree(source, target, ignore=ignored)
    else:
        shutil.copyfile(source, target)


def _requirements() -> list[str]:
    """Returns the extra `serving` at the versions that are installed here, which it was tested with."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = [_NAME.match(one) for one in project["optional-dependencies"]["serving"]]
    found = [(name[0], importlib.metadata.version(name[0])) for name in names if name]
    return [f"{name}=={version.partition('+')[0]}" for name, version in found]
