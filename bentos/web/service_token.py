import hmac

from starlette.requests import Request

from bentos.web.problem import ErrorCode, ProblemError

_SCHEME = "bearer "


class ServiceToken:
    """Lets in whoever knows the service's token; everybody when there is none and that was asked for.

    Settings refuse a missing token unless callers without one were allowed on purpose.
    """

    def __init__(self, token: str) -> None:
        self._wanted = token.encode()

    def check(self, request: Request) -> None:
        """Compares the token of a request in constant time.

        Raises:
            ProblemError: it is missing or another one; the answer does not say which.
        """
        if not self._wanted:
            return
        header = request.headers.get("authorization", "")
        given = header[len(_SCHEME) :] if header[: len(_SCHEME)].lower() == _SCHEME else ""
        if not hmac.compare_digest(given.encode(), self._wanted):
            raise ProblemError(ErrorCode.UNAUTHORIZED, "a valid service token is needed")
