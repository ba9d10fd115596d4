"""Forms that only our own pages can send."""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from litestar import Request

from analysis_svc.domain.errors import ErrorCode, ServiceError

FIELD = "csrf_token"
_MOST_FIELDS = 64

Form = Mapping[str, str]


def token_of(secret: str) -> str:
    """Return the token of a cookie's secret: nobody makes it without the secret, nor the secret from it."""
    return hmac.digest(secret.encode(), b"form", hashlib.sha256).hex()


async def read_form(request: Request, secret: str | None) -> Form:  # type: ignore[type-arg]
    """Read a form, once it is sure that one of our pages sent it.

    Args:
        request: the POST.
        secret: of the cookie that came with it; None when none did.

    Raises:
        ServiceError: INSUFFICIENT_RBAC when the form is another site's or of another session,
            INVALID_REQUEST when it is no form.
    """
    if not _own(request):
        raise _refused("this form was sent by another site")
    content_type, _ = request.content_type
    if content_type != "application/x-www-form-urlencoded":
        raise ServiceError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "the form must be sent URL-encoded")
    body = await request.body()
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=_MOST_FIELDS,
            errors="strict",
        )
    except ValueError:  # UnicodeDecodeError is one
        raise ServiceError(ErrorCode.INVALID_REQUEST, "the form cannot be read", field="body") from None
    form = dict(pairs)
    if secret is None:
        raise _refused(
            "the browser sent no cookie back: cookies of this page need HTTPS, unless it is opened on the "
            "very machine that serves it"
        )
    if not hmac.compare_digest(form.get(FIELD, "").encode(), token_of(secret).encode()):
        raise _refused("this form is of another session; load the page again and repeat")
    return form


def _own(request: Request) -> bool:  # type: ignore[type-arg]
    """Tell whether browser headers, where there are any, say that the form came from this very origin."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _refused(detail: str) -> ServiceError:
    return ServiceError(ErrorCode.INSUFFICIENT_RBAC, detail)
