"""The Hub's login: gradio does it, in a Space; here is what it needs, and what a reader sees where it goes wrong."""

from __future__ import annotations

import logging
import os
from typing import Any

from starlette.responses import HTMLResponse

from dsrbench.errors import InputError, MissingExtraError, first_line

LOG = logging.getLogger(__name__)

VARIABLES = ("SPACE_ID", "SPACE_HOST", "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL")
"""Set in a Space with `hf_oauth: true`, beside `SYSTEM=spaces`; the secret signs the cookie that says who it is."""

PATHS = ("/login/huggingface", "/login/callback")


def check_login() -> None:
    """See that people can log in here; gradio itself would log everybody in as whoever's token this machine has.

    Raises:
        InputError: This is no Space, or one without `hf_oauth: true`.
        MissingExtraError: A package that the login needs is not installed.
    """
    lacking = [name for name in VARIABLES if not os.environ.get(name)]
    if os.environ.get("SYSTEM") != "spaces" or lacking:
        raise InputError(
            "a board with the Hub's login runs in a Space with hf_oauth: true in its README.md, which sets "
            f"{', '.join(lacking) or 'SYSTEM=spaces'}; elsewhere serve it with: dsrbench leaderboard BOARD"
        )
    try:
        import authlib  # noqa: F401
        import itsdangerous  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("the Hub's login", error.name or "authlib", "board") from None


class LoginErrors:
    """Answers in one line where logging in fails: the Hub does not answer, or it, or the person, refuses.

    Args:
        app: The application, after ASGI.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As ASGI has it."""
        if scope["type"] != "http" or scope["path"] not in PATHS:
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # HTTP, JSON, signatures and more, of four libraries
            LOG.warning("a login failed: %s: %.200r", type(error).__name__, first_line(error))
            await _answer(error)(scope, receive, send)


def _answer(error: Exception) -> HTMLResponse:
    """The page for a failure; nothing of what the other side said is shown, as anybody can make an address say it."""
    from authlib.integrations.base_client.errors import OAuthError

    if isinstance(error, OAuthError):
        said, status = "You are not logged in: the login was refused.", 403
    else:
        said, status = "You are not logged in: the login service does not answer as it should. Try again later.", 502
    return HTMLResponse(f'<p role="alert">{said}</p><p><a href="/?tab=submit">Back to the board</a></p>', status)
