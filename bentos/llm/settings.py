"""What can be set about the Bento `llm` where it runs; what it is made of are its build arguments."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bentos.web.settings import SettingsError, check_token, read_settings

PREFIX = "LLM_"
EngineKind = Literal["transformers", "vllm", "tgi"]
_Rows = Annotated[int, Meta(ge=1, le=4096)]
_Seconds = Annotated[float, Meta(gt=0, le=600)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Each field is read from ``LLM_<FIELD>``."""

    service_token: Annotated[str, Meta(description="token that callers must show")] = ""
    allow_anonymous: Annotated[bool, Meta(description="answer without a token")] = False
    release: Annotated[str, Meta(description="folder of the release, not the build argument's")] = ""
    base: Annotated[str, Meta(description="base model, not the build argument's")] = ""
    engine: Annotated[EngineKind | None, Meta(description="engine, not the build argument's")] = None
    data_root: Annotated[str, Meta(min_length=1, description="folder of base models and merged weights")] = (
        str(Path.home() / ".cache" / "llama-mapper")
    )
    dtype: Annotated[
        Literal["", "bfloat16", "float32"], Meta(description="number format to compute in, not the release's")
    ] = ""
    threads: Annotated[int, Meta(ge=0, le=256, description="threads that score; 0 leaves it to torch")] = 0
    batch_rows: Annotated[_Rows, Meta(description="most raw labels that are scored together")] = 16
    waiting_rows: Annotated[_Rows, Meta(description="most raw labels that wait; above it 503")] = 1024
    map_seconds: Annotated[_Seconds, Meta(description="after this /v1/map answers 408")] = 30.0
    generate_seconds: Annotated[_Seconds, Meta(description="after this /v1/generate answers 408")] = 120.0
    generate_at_once: Annotated[int, Meta(ge=1, le=1024, description="generations that run or wait")] = 8
    generate_tokens: Annotated[int, Meta(ge=1, le=8192, description="most tokens that may be asked for")] = (
        1024
    )
    tgi_url: Annotated[str, Meta(pattern="^(https?://.*)?$", description="URL of a TGI server")] = ""
    tgi_token: Annotated[str, Meta(description="token of the TGI server")] = ""
    tgi_adapter: Annotated[str, Meta(description="the adapter's name at TGI; empty: merged there")] = ""
    tgi_top_tokens: Annotated[int, Meta(ge=1, le=4096, description="tokens that TGI lists")] = 512
    vllm_adapter: Annotated[
        Literal["auto", "merged", "live"],
        Meta(description="merged into the weights, or beside them; auto: live on a GPU, merged on a CPU"),
    ] = "auto"
    vllm_gpu_memory: Annotated[float, Meta(gt=0, le=1, description="share of a GPU's memory")] = 0.85
    vllm_cache_gib: Annotated[int, Meta(ge=1, le=512, description="memory for keys and values on a CPU")] = 1
    vllm_tensor_parallel: Annotated[int, Meta(ge=1, le=64, description="GPUs that share a model")] = 1
    vllm_context: Annotated[int, Meta(ge=512, le=131072, description="longest prompt and answer")] = 4096


def read_llm_settings(environ: Mapping[str, str]) -> Settings:
    """Reads the settings.

    Raises:
        SettingsError: one of them is missing, wrong or unknown.
    """
    settings = read_settings(environ, PREFIX, Settings)
    check_token(settings.service_token, anonymous=settings.allow_anonymous, prefix=PREFIX)
    if settings.engine == "tgi" and not settings.tgi_url:
        raise SettingsError("LLM_TGI_URL is missing: the engine tgi asks a server")
    return settings
