"""Connection to the Hub: failed requests are repeated if that may help, and the last error becomes one line.

`HF_ENDPOINT` may name another server than huggingface.co; `HF_TOKEN` or `hf auth login` identifies the user. No message
contains a token.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

from dsrbench.errors import DownloadError, DSRBenchError, HubError, InputError, MissingExtraError, first_line
from dsrbench.hub.paths import HubPath
from dsrbench.hub.weights import is_offline

ATTEMPTS = 4
"""Maximum number of attempts of a request after server errors or dropped connections."""

FIRST_WAIT = 1.0
"""Seconds before the second attempt; each later wait is twice the previous one."""

T = TypeVar("T")


class Connection:
    """Connection to one repository on the Hub.

    Args:
        place: The repository.
        shown: Feature that needs the Hub's package, for the message if that is not installed; by default
            the repository.

    Attributes:
        place: The repository.
        hub: The package huggingface_hub.
        api: Its `HfApi`, for the server in use.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
    """

    def __init__(self, place: HubPath, shown: str = "") -> None:
        self.place = place
        self.hub = import_hub(shown or str(place), "dataset")
        hush_hub(self.hub)
        self.api: Any = self.hub.HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)

    def ask(self, ask: Callable[[], T]) -> T:
        """Call `ask`, several times if it fails with a temporary error, and return its result.

        Raises:
            HubError: There is no such repository, revision or file, or no permission.
            DownloadError: No network, or a server that does not answer.
            InputError: The repository's id is not valid.
        """
        for attempt in range(ATTEMPTS):
            try:
                return ask()
            except Exception as caught:  # errors of HTTP, network and disk, of three libraries
                error = caught.__cause__ if type(caught) is RuntimeError and caught.__cause__ else caught
                final = _explain(error, self.place, self.hub)
                if final is not None:
                    raise final from None
                if attempt == ATTEMPTS - 1:
                    reason = _status(error) or f"{type(error).__name__}"
                    raise DownloadError(
                        f"{self.place}: gave up after {ATTEMPTS} attempts ({reason}); run the same command again, what "
                        "was sent or fetched is kept"
                    ) from None
                time.sleep(FIRST_WAIT * 2**attempt)
        raise AssertionError("every attempt returns or raises")


def import_hub(feature: str, extra: str) -> Any:
    """Import huggingface_hub.

    Args:
        feature: Feature that needs it, for the message.
        extra: Extra of dsrbench that installs it.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
    """
    try:
        import huggingface_hub
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError:
        raise MissingExtraError(feature, "huggingface_hub", extra) from None
    return huggingface_hub


def hush_hub(hub: Any) -> None:
    """Silence the log of the Hub's package, and its progress bars if no terminal shows them."""
    hub.utils.logging.set_verbosity(logging.CRITICAL)
    if not sys.stderr.isatty():
        hub.utils.disable_progress_bars()


def status_code(error: BaseException) -> int:
    """Return the HTTP status of an error's response; 0 if there is none."""
    return int(getattr(getattr(error, "response", None), "status_code", 0) or 0)


def _explain(error: BaseException, place: HubPath, hub: Any) -> DSRBenchError | None:
    """Return the final error for a failure that another attempt cannot resolve; None if it may."""
    kinds, status = hub.errors, status_code(error)
    if isinstance(error, kinds.GatedRepoError):
        return HubError(f"{place}: its terms must be accepted on its page on the Hub; then log in with hf auth login")
    if isinstance(error, kinds.RevisionNotFoundError):
        return HubError(f"{place}: no such revision on the Hub")
    if isinstance(error, kinds.RepositoryNotFoundError):
        return HubError(f"{place}: no such dataset on the Hub, or no permission to see it; log in with hf auth login")
    if isinstance(error, kinds.RemoteEntryNotFoundError):
        return HubError(f"{place}: no such file on the Hub")
    if isinstance(error, kinds.LocalEntryNotFoundError) and is_offline():
        return DownloadError(f"offline, and {place} is not in the cache; fetch it once with a network")
    if isinstance(error, kinds.HFValidationError):
        return InputError(f"{place.id!r} is no repository id; expected OWNER/NAME ({first_line(error)})")
    if status in (401, 403):
        return HubError(f"{place}: no permission ({_status(error)}); use a token that may write to {place.id}")
    if 400 <= status < 500 and status not in (408, 429):
        return HubError(f"{place}: the Hub refuses it ({_status(error)})")
    if isinstance(error, OSError) and error.errno is not None and not status:
        return DownloadError(f"{place}: {error.strerror or first_line(error)}")
    return None


def _status(error: BaseException) -> str:
    """Return the server's status and message, without addresses, which may be signed."""
    response, message = getattr(error, "response", None), getattr(error, "server_message", None)
    if response is None:
        return ""
    return f"HTTP {response.status_code}{f': {first_line(Exception(message))}' if message else ''}"
