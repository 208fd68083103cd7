"""Pages of sorted names with a token between them. Knows not what is listed."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from sendworthy.wire.errors import WireError


def page(names: Sequence[str], params: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Return the names of the page that PageSize and NextToken ask for, and the NextToken to answer with, if any.

    `names` is sorted. Raises WireError InvalidNextTokenException for a token that none of ours is, and
    BadRequestException for a PageSize below 0.
    """
    after = ""
    if params.get("NextToken"):
        try:
            after = base64.b64decode(str(params["NextToken"]), altchars=b"-_", validate=True).decode()
        except ValueError:  # no base64, or no text within
            raise WireError("InvalidNextTokenException", "The NextToken is not valid.") from None
    size = params.get("PageSize") or 1000
    if size < 0:
        raise WireError("BadRequestException", "PageSize must not be negative.")
    rest = [name for name in names if not after or name > after]
    token = {"NextToken": base64.urlsafe_b64encode(rest[size - 1].encode()).decode()} if len(rest) > size else {}
    return rest[:size], token
