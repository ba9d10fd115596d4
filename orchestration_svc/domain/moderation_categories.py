"""The categories of OpenAI's moderation API, and which canonical labels fall under them."""

from collections.abc import Mapping

# Of both tables together, the longest prefix that fits decides.
_OPENAI: dict[str, tuple[str, ...]] = {
    "harassment": ("HARM.SPEECH.Harassment", "HARM.SPEECH.Insult", "HARM.SPEECH.Toxicity"),
    "harassment/threatening": ("HARM.SPEECH.Threat",),
    "hate": ("HARM.SPEECH.Hate", "BIAS"),
    "hate/threatening": (),
    "illicit": ("HARM.CRIME", "HARM.SEXUAL.Crime"),
    "illicit/violent": ("HARM.WEAPONS", "HARM.VIOLENCE.Extremism"),
    "self-harm": ("HARM.SELFHARM",),
    "self-harm/instructions": ("HARM.SELFHARM.Instructions",),
    "self-harm/intent": ("HARM.SELFHARM.Intent",),
    "sexual": ("HARM.SEXUAL",),
    "sexual/minors": ("HARM.SEXUAL.Minors",),
    "violence": ("HARM.VIOLENCE",),
    "violence/graphic": ("HARM.VIOLENCE.Graphic",),
}
# What OpenAI's categories have no place for stays visible; its clients keep categories that they do not know.
_OURS: dict[str, tuple[str, ...]] = {
    "personal-data": ("PII",),
    "secret": ("SECRET",),
    "prompt-attack": ("PROMPT_INJECTION", "JAILBREAK"),
    "other": ("",),
}
UNDETERMINED = "undetermined"
"""The category of a text that was not looked at in full."""
# A narrower category of OpenAI's says the wider one, too.
_WIDER = {
    "harassment/threatening": "harassment",
    "illicit/violent": "illicit",
    "self-harm/instructions": "self-harm",
    "self-harm/intent": "self-harm",
    "sexual/minors": "sexual",
    "violence/graphic": "violence",
}
OPENAI = tuple(_OPENAI)
"""Names of OpenAI's own categories."""


def category_of(label: str) -> str:
    """Return the category of a canonical label."""
    fits = (
        (len(prefix), name)
        for name, prefixes in (_OPENAI | _OURS).items()
        for prefix in prefixes
        if not prefix or label == prefix or label.startswith(f"{prefix}.")
    )
    return max(fits)[1]


def scores_of(highest: Mapping[str, float]) -> dict[str, float]:
    """Return the score of every category.

    Args:
        highest: highest risk in [0, 1] of each canonical label.
    """
    scores = dict.fromkeys((*_OPENAI, *_OURS), 0.0)
    for label, score in highest.items():
        name: str | None = category_of(label)
        while name is not None:
            scores[name] = max(scores[name], score)
            name = _WIDER.get(name)
    return scores
