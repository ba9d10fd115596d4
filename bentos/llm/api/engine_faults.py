from collections.abc import Iterator
from contextlib import contextmanager

from bentos.llm.domain.engine import EngineUnavailableError, RefusedPromptError
from bentos.web.batcher import OverloadedError
from bentos.web.problem import ErrorCode, ProblemError


@contextmanager
def as_problems() -> Iterator[None]:
    """Turns what an engine raises into what a caller is answered."""
    try:
        yield
    except OverloadedError:
        raise ProblemError(ErrorCode.SERVICE_UNAVAILABLE, "too much is being asked at once") from None
    except EngineUnavailableError as error:
        raise ProblemError(ErrorCode.SERVICE_UNAVAILABLE, str(error), retryable=error.retryable) from error
    except RefusedPromptError as error:
        raise ProblemError(ErrorCode.INVALID_REQUEST, str(error)) from error
    except BaseExceptionGroup as group:
        # Rows that were asked for side by side: the first fault stands for all.
        unavailable = group.subgroup(EngineUnavailableError)
        if unavailable is None:
            raise
        raise ProblemError(ErrorCode.SERVICE_UNAVAILABLE, "the engine does not answer") from group
