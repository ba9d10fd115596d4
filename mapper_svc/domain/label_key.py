import re
import unicodedata

_SEPARATORS = re.compile(r"[\W_]+")


def label_key(label: str) -> str:
    """Returns the form under which two spellings of one label are the same.

    Case and separators do not matter (`self-harm/intent`, `self_harm_intent`, `SelfHarmIntent`), except that
    a separator between two digits is kept: `S1_1` is not `S11`.
    """
    text = unicodedata.normalize("NFKC", label).casefold()
    parts = [part for part in _SEPARATORS.split(text) if part]
    key = ""
    for part in parts:
        if key and key[-1].isdigit() and part[0].isdigit():
            key += "_"
        key += part
    return key


def label_tail(label: str) -> str:
    """Returns the last part of a label written as a path (`rai.harassment`, `filters[].type=HATE`)."""
    return re.split(r"[.=]", label)[-1]
