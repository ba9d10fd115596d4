"""The languages that registered detectors may speak, with their options."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from orchestration_svc.adapters.detectors.fms_http import FmsDetectors, FmsOptions
from orchestration_svc.adapters.detectors.generic_json import GenericJson, GenericOptions
from orchestration_svc.adapters.detectors.http_detector import WireFormat
from orchestration_svc.adapters.detectors.kserve_v2 import KserveOptions, KserveV2
from orchestration_svc.adapters.detectors.llama_stack import LlamaStack, LlamaStackOptions
from orchestration_svc.adapters.detectors.llm_guard import LlmGuard, LlmGuardOptions
from orchestration_svc.adapters.detectors.openai_moderations import OpenAiModerations, OpenAiOptions
from orchestration_svc.adapters.detectors.presidio_http import PresidioHttp, PresidioOptions
from orchestration_svc.domain.detector_registration import AdapterName

_Table = Mapping[AdapterName, tuple[type[msgspec.Struct], Callable[[Any], WireFormat]]]
_FORMATS: _Table = {
    AdapterName.FMS: (FmsOptions, FmsDetectors),
    AdapterName.OPENAI_MODERATIONS: (OpenAiOptions, OpenAiModerations),
    AdapterName.PRESIDIO: (PresidioOptions, PresidioHttp),
    AdapterName.LLM_GUARD: (LlmGuardOptions, LlmGuard),
    AdapterName.KSERVE_V2: (KserveOptions, KserveV2),
    AdapterName.LLAMA_STACK: (LlamaStackOptions, LlamaStack),
    AdapterName.GENERIC_JSON: (GenericOptions, GenericJson),
}


def make_wire_format(adapter: AdapterName, options: Mapping[str, Any]) -> WireFormat:
    """Make what speaks a language.

    Raises:
        ValueError: naming the option that is wrong; KeyError for `AdapterName.PLUGIN`, which speaks none.
    """
    struct, make = _FORMATS[adapter]
    try:
        return make(msgspec.convert(dict(options), struct))
    except msgspec.ValidationError as error:
        raise ValueError(f"options: {error}") from None
