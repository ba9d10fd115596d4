from collections.abc import Callable

from pipelines.lib.evaluation.report import Golden


def score_golden(say: Callable[[str], None]) -> Golden:
    """Scores the golden set of native payloads."""
    say("the golden set is missing")
    return Golden(None, (), "the golden set is missing")
