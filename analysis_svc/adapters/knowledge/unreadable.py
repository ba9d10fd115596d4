"""What a reader raises."""


class UnreadableError(Exception):
    """A file is not what it is said to be; the message quotes nothing of it."""
