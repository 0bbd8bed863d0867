"""A reward in the form in which each trainer calls one.

Each function takes a `DSRReward`, or anything that is called as one is, such as a `RewardClient`, and returns what the
trainer's configuration asks for. None of the trainers is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol


class Reward(Protocol):
    """Form of a reward: a `DSRReward` or a `RewardClient` has it."""

    def __call__(self, videos: Any, prompts: Sequence[Any]) -> list[float | None]:
        """Return the reward of each clip; None where it has none."""
        ...


def for_flow_grpo(reward: Reward) -> Callable[..., tuple[list[float], dict[str, Any]]]:
    """Return `fn(images, prompts, metadata) -> (scores, info)`: flow_grpo, DiffusionNFT, and FastVideo's GenRL.

    The function goes into the table of `multi_score`, as `lambda device: for_flow_grpo(reward)`.
    """

    def score(
        images: Any, prompts: Sequence[str], metadata: Any = None, **_: Any
    ) -> tuple[list[float], dict[str, Any]]:
        return _numbers(reward(images, prompts)), {}

    return score


def for_trl(reward: Reward, *, videos: str = "completions") -> Callable[..., list[float | None]]:
    """Return `fn(prompts, completions, **columns) -> list[float | None]`: TRL's GRPO.

    Args:
        reward: The reward; with `unscored=None`, TRL leaves out the clips that have none.
        videos: Where the clips are: "completions", or the name of a column of the dataset.
    """

    def dsr_score(prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[float | None]:
        clips = completions if videos == "completions" else columns[videos]
        return reward(list(clips), [_text(prompt) for prompt in prompts])

    return dsr_score


def for_fastvideo(reward: Reward) -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
    """Return `fn(images, prompts, metadata, only_strict) -> ({"avg": tensor [B]}, info)`: rewards of FastVideo."""

    def score(images: Any, prompts: Sequence[str], *_: Any, **__: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        import torch

        return {"avg": torch.tensor(_numbers(reward(images, prompts)), dtype=torch.float32)}, {}

    return score


class RLinfReward:
    """A reward backend of RLinf's generation environments: `score(outputs, records)` gives tensors `[B, T]`.

    Args:
        reward: The reward.
    """

    def __init__(self, reward: Reward) -> None:
        self._reward = reward

    def score(self, outputs: Any, records: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return `{"avg": rewards}`, the reward of a clip in each of its frames, as rewards of a whole video are given.

        Args:
            outputs: Videos `[B, T, H, W, C]` or a sequence of them, of one length.
            records: A record of each video, with the prompt under "task_description".
        """
        import torch

        prompts = [record["task_description"] for record in records]
        numbers = torch.tensor(_numbers(self._reward(outputs, prompts)), dtype=torch.float32)
        return {"avg": numbers[:, None].repeat(1, len(outputs[0]))}


class DanceGRPOInferencer:
    """An inferencer of DanceGRPO: `reward(video_paths, prompts, use_norm=True)` gives a dictionary a video.

    Args:
        reward: The reward.
    """

    def __init__(self, reward: Reward) -> None:
        self._reward = reward

    def reward(self, video_paths: Sequence[str], prompts: Sequence[str], **_: Any) -> list[dict[str, float]]:
        """Return `{"DSR": reward, "Overall": reward}` for each file."""
        numbers = _numbers(self._reward(list(video_paths), prompts))
        return [{"DSR": number, "Overall": number} for number in numbers]


def for_vbench(reward: Reward) -> Callable[..., tuple[float, list[dict[str, Any]]]]:
    """Return `fn(video_list, prompts) -> (mean, results)`, results as VBench writes them for a dimension."""

    def compute_dsr(video_list: Sequence[str], prompts: Sequence[str], **_: Any) -> tuple[float, list[dict[str, Any]]]:
        numbers = _numbers(reward(list(video_list), prompts))
        results = [{"video_path": str(p), "video_results": n} for p, n in zip(video_list, numbers, strict=True)]
        return sum(numbers) / max(1, len(numbers)), results

    return compute_dsr


def _numbers(values: Sequence[float | None]) -> list[float]:
    """Return rewards for a trainer that takes numbers alone; 0 where there is none."""
    return [0.0 if value is None else float(value) for value in values]


def _text(prompt: Any) -> str:
    """Return the text of a prompt of TRL: a text, or a conversation whose last message has it."""
    if isinstance(prompt, str):
        return prompt
    content = prompt[-1]["content"]
    if isinstance(content, str):
        return content
    return " ".join(part["text"] for part in content if part.get("type") == "text")
