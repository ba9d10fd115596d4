"""Parsers of native payloads, by the id that a vendor file names."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from mapper_svc.domain.parsers import (
    azure_content_safety,
    azure_language_pii,
    bedrock,
    comprehend_pii,
    detect_secrets,
    fms,
    garak,
    gemini_safety,
    granite_guardian,
    llama_guard,
    llama_stack,
    llm_guard,
    model_armor,
    nemo_guardrails,
    nemotron,
    openai_moderation,
    policy_gateways,
    presidio,
    text_classification,
    wildguard,
)
from mapper_svc.domain.signals import Reading

Parser = Callable[[object], Reading]
"""Reads decoded JSON.

Raises OtherShapeError when the payload is not the vendor's, MalformedError when it is and is broken.
"""

PARSERS: Mapping[str, Parser] = MappingProxyType(
    {
        "aporia": policy_gateways.parse_aporia,
        "azure_content_safety": azure_content_safety.parse,
        "azure_language_pii": azure_language_pii.parse,
        "azure_prompt_shields": azure_content_safety.parse_prompt_shields,
        "azure_protected_material": azure_content_safety.parse_protected_material,
        "bedrock_checks": bedrock.parse_checks,
        "bedrock_guardrails": bedrock.parse_apply,
        "comprehend_pii": comprehend_pii.parse,
        "detect_secrets": detect_secrets.parse,
        "f5_calypsoai": policy_gateways.parse_f5,
        "fms_detections": fms.parse_detections,
        "fms_judge": fms.parse_judge,
        "fms_label_in_type": fms.parse_label_in_type,
        "garak": garak.parse,
        "gemini_safety": gemini_safety.parse,
        "granite_guardian": granite_guardian.parse,
        "guardrails_ai": policy_gateways.parse_guardrails_ai,
        "llama_guard": llama_guard.parse,
        "llama_stack": llama_stack.parse,
        "llm_guard": llm_guard.parse,
        "llm_guard_placeholders": llm_guard.parse_placeholders,
        "llm_guard_secrets": llm_guard.parse_secrets,
        "model_armor": model_armor.parse,
        "nemo_guardrails": nemo_guardrails.parse,
        "nemotron": nemotron.parse,
        "nemotron_23": nemotron.parse_23,
        "openai_moderation": openai_moderation.parse,
        "pangea": policy_gateways.parse_pangea,
        "presidio": presidio.parse,
        "text_classification": text_classification.parse,
        "wildguard": wildguard.parse,
    }
)
