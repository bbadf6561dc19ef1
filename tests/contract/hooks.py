"""What Schemathesis has to be told about this API."""

import schemathesis

COOKIE = "authjs.session-token"


@schemathesis.hook
def before_call(context, case, kwargs):
    """Calls with the token alone. An operation takes a token or a session cookie; an invented cookie beside a good token is
    no invalid credential, because a token, where there is one, is the only credential that counts."""
    if case.cookies:
        case.cookies.pop(COOKIE, None)
