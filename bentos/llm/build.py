"""`python -m bentos.llm.build --release FOLDER`: a Bento of one release."""

import argparse
import sys
from pathlib import Path

from bentos.build_bento import ROOT, BuildError, build_bento
from bentos.llm.variant import Variant
from pipelines.lib.scoring.calibration import load_calibration
from pipelines.lib.scoring.model_input_error import ModelInputError
from pipelines.lib.scoring.release_id import release_id
from pipelines.lib.scoring.trained_folder import CALIBRATION, load_origin

_RELEASE = "release"


def build_llm(release: Path, *, base: str = "", engine: str = "transformers") -> str:
    """Builds the Bento `llm` of a release.

    Args:
        release: folder of the release.
        base: the base model in the place of the one that the release names.
        engine: `transformers`, `vllm` or `tgi`.

    Returns:
        Its tag, `llm:<id of the release>-<engine>`.

    Raises:
        ModelInputError: the folder holds no release.
        BuildError: BentoML could not build it.
        ValueError: there is no such engine.
    """
    origin = load_origin(release)
    identity = release_id(release)
    threshold = load_calibration(release / CALIBRATION).threshold
    chosen = Variant.model_validate({"release": _RELEASE, "base": base, "engine": engine})
    return build_bento(
        "bentos.llm.service:Llm",
        ["bentos/llm"],
        arguments=chosen.model_dump(),
        folders={_RELEASE: release},
        labels={
            "recipe": origin.recipe,
            "release": identity,
            "taxonomy": origin.edition,
            "threshold": "none" if threshold is None else f"{threshold:.4f}",
        },
        version=f"{identity}-{engine}",
    )


def main(arguments: list[str]) -> int:
    """Builds, and prints the tag."""
    parser = argparse.ArgumentParser(prog="python -m bentos.llm.build", description=__doc__)
    parser.add_argument(
        "--release", type=Path, default=ROOT / Variant().release, help="folder of the release"
    )
    parser.add_argument("--base", default="", help="base model; by default the one that the release names")
    parser.add_argument("--engine", default="transformers", choices=["transformers", "vllm", "tgi"])
    asked = parser.parse_args(arguments)
    try:
        tag = build_llm(asked.release, base=asked.base, engine=asked.engine)
    except (BuildError, ModelInputError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{tag}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
