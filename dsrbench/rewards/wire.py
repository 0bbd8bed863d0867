"""The messages of a reward server: a safetensors file with the clips, and a JSON object with the rewards.

A request has the tensors `video.0`, `video.1` and so on: frames uint8 `[T, H, W, 3]`, or the bytes of a video file,
uint8 `[N]`. Its metadata has `prompts`, a JSON list of texts. Nothing of it is executed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.errors import InputError
from dsrbench.evaluation.frames import DecodedVideo
from dsrbench.rewards.reward import RewardDetail

MAX_CLIPS = 256
"""Maximum number of clips of a request."""

MAX_PROMPT = 2000
"""Maximum length of a prompt, in characters."""


def pack_request(videos: Sequence[DecodedVideo | Path], prompts: Sequence[str]) -> list[bytes | memoryview]:
    """Return the body of a request in parts, so that frames are sent without a copy; a file is sent as it is."""
    arrays = [_to_array(video) for video in videos]
    header: dict[str, Any] = {"__metadata__": {"prompts": json.dumps(list(prompts))}}
    end = 0
    for i, array in enumerate(arrays):
        header[f"video.{i}"] = {"dtype": "U8", "shape": array.shape, "data_offsets": [end, end + array.size]}
        end += array.size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return [len(text).to_bytes(8, "little") + text, *(memoryview(array.reshape(-1)) for array in arrays)]


def unpack_request(body: bytes | bytearray) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """Return the tensors and the prompts of a request.

    Raises:
        InputError: The body is no such request.
    """
    size = int.from_bytes(body[:8], "little")
    try:
        header = json.loads(bytes(body[8 : 8 + size]))
        prompts = json.loads(header.pop("__metadata__", {})["prompts"])
        names = [f"video.{i}" for i in range(len(header))]
        if set(header) != set(names):
            raise InputError(f"expected the tensors video.0 to video.N, got {', '.join(sorted(header)[:5]) or 'none'}")
        videos = [_read_tensor(body, 8 + size, header[name], name) for name in names]
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError("the body is no safetensors file with 'prompts' in its metadata") from None
    if not isinstance(prompts, list) or not all(isinstance(text, str) and len(text) <= MAX_PROMPT for text in prompts):
        raise InputError(f"expected 'prompts' to be a JSON list of texts of at most {MAX_PROMPT} characters")
    if len(prompts) != len(videos) or not 1 <= len(videos) <= MAX_CLIPS:
        raise InputError(f"expected 1 to {MAX_CLIPS} clips and a prompt for each, got {len(videos)} and {len(prompts)}")
    return videos, prompts


def _read_tensor(body: bytes | bytearray, start: int, entry: Any, name: str) -> NDArray[np.uint8]:
    """Return a tensor of the body without a copy."""
    shape, (first, last) = [int(side) for side in entry["shape"]], (int(place) for place in entry["data_offsets"])
    is_clip, is_file = len(shape) == 4 and shape[3] == 3, len(shape) == 1
    if entry["dtype"] != "U8" or not (is_clip or is_file) or min(shape) < 1:
        raise InputError(f"{name}: expected uint8 [T, H, W, 3] or the bytes of a file, got {entry['dtype']} {shape}")
    if not 0 <= first <= last <= len(body) - start or last - first != math.prod(shape):
        raise InputError(f"{name}: the body ends before the tensor does")
    return np.frombuffer(body, np.uint8, last - first, start + first).reshape(shape)


def _to_array(video: DecodedVideo | Path) -> Any:
    if isinstance(video, Path):
        try:
            return np.frombuffer(video.read_bytes(), np.uint8)
        except OSError as error:
            raise InputError(f"{video} cannot be read ({error.strerror})") from None
    return np.ascontiguousarray(video.clip().frames)


def describe_detail(detail: RewardDetail) -> dict[str, Any]:
    """Return a reward as a JSON object; numbers that are not known are null."""
    score = detail.score
    certainty = score.certainty if score is not None else None
    numbers = {name: getattr(score, name, math.nan) for name in ("dsr_score", "r_init", "g_init", "r_fin", "g_fin")}
    return {
        "value": detail.value,
        "status": score.status.value if score is not None else "unread",
        "reason": detail.reason,
        "diagnosis": score.diagnosis.value if score is not None and score.diagnosis is not None else None,
        "failed": list(detail.failed),
        "p_pass": certainty.p_pass if certainty is not None else None,
        **{name: None if math.isnan(number) else number for name, number in numbers.items()},
    }
