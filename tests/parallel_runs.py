"""Who runs what in a parallel run: tests that share something heavy go to one worker, all others to any.

The marks of pytest-xdist for this do nothing under pytest 9, which no longer lets it rename tests.
"""

from xdist.scheduler import LoadScopeScheduling

_TOGETHER = {
    "tests/e2e/": "the real stack",
    "tests/integration/local/test_real_stack.py": "the real stack",
    "tests/integration/bentos/": "the Bentos",
    "tests/integration/orchestration_svc/compatible/test_litellm_client.py": "LiteLLM",
    "tests/unit/analysis_svc/knowledge/test_quotes_of_official_texts.py": "the official texts",
}


class TogetherOrAnywhere(LoadScopeScheduling):  # type: ignore[misc]  # the library has no types
    """Deals single tests, but for those of `_TOGETHER`, which are dealt as one."""

    def _split_scope(self, nodeid: str) -> str:
        return next((group for start, group in _TOGETHER.items() if nodeid.startswith(start)), nodeid)
