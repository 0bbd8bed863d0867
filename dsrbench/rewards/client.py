"""A reward on another machine, called as a `DSRReward` is."""

from __future__ import annotations

import contextlib
import http.client
import json
import urllib.parse
from collections.abc import Sequence
from typing import Any

from dsrbench.errors import BackendError, InputError
from dsrbench.rewards.videos import read_videos
from dsrbench.rewards.wire import pack_request


class RewardClient:
    """A reward that `dsrbench serve-reward` computes.

    Args:
        url: Address of the server, such as "http://gpu-7:8765".
        token: The server's token; empty where it has none.
        timeout: Longest wait for an answer, in seconds.
        layout: Order of the axes of a video, as for `DSRReward`.

    Raises:
        InputError: The address has another form.
    """

    def __init__(self, url: str, token: str = "", *, timeout: float = 600.0, layout: str | None = None) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"expected an address such as http://gpu-7:8765, got {url!r}")
        self._url, self._timeout, self._layout = parts, timeout, layout
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __call__(self, videos: Any, prompts: Sequence[str]) -> list[float | None]:
        """Return the reward of each clip.

        Raises:
            InputError: Videos of another form than `DSRReward` takes.
            BackendError: The server does not answer, or refuses the request; the message says why.
        """
        return [detail["value"] for detail in self.details(videos, prompts)]

    def details(self, videos: Any, prompts: Sequence[str]) -> list[dict[str, Any]]:
        """Return value, status, reason and the parts of the score of each clip; errors as for a call."""
        body = pack_request(read_videos(videos, fps=0, layout=self._layout), prompts)
        headers = {**self._headers, "Content-Length": str(sum(map(len, body)))}
        try:
            status, text = self._post(body, headers)
            rewards: list[dict[str, Any]] = json.loads(text)["rewards"] if status == 200 else []
        except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise BackendError(f"{self._url.geturl()} does not answer as a reward server ({reason})") from None
        if status != 200:
            raise BackendError(f"{self._url.geturl()}: {text[:500].decode(errors='replace').strip()}")
        return rewards

    def _post(self, body: Sequence[Any], headers: dict[str, str]) -> tuple[int, bytes]:
        is_safe = self._url.scheme == "https"
        make = http.client.HTTPSConnection if is_safe else http.client.HTTPConnection
        with contextlib.closing(make(self._url.netloc, timeout=self._timeout)) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
                connection.request("POST", f"{self._url.path.rstrip('/')}/rewards", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
