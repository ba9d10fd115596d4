"""What is encrypted of a text that waits: the text, and the person whose it is."""

# In no text and no name: a text with a null byte is refused, and so is a name with any control character.
_BETWEEN = "\x00"


def packed(content: str, subject: str | None) -> str:
    """Return what is to be sealed: person and text stay together, and neither is readable anywhere."""
    return content if subject is None else f"{subject}{_BETWEEN}{content}"


def unpacked(opened: str) -> tuple[str, str | None]:
    """Return the text and whose it is; None where nobody was named."""
    subject, between, content = opened.partition(_BETWEEN)
    return (content, subject) if between else (opened, None)
