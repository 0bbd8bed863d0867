"""Which prompt, model and seed a video file belongs to, read from its path."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from dsrbench.types import Prompt


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a path says.

    Attributes:
        prompt: The prompt.
        model: Folders that do not name the prompt, joined; empty where there are none.
        seed: The seed, where one is given.
    """

    prompt: Prompt
    model: str
    seed: int | None


class NameReader:
    """Finds prompt ids, or whole prompt texts, in file and folder names.

    An id counts where no letter or digit touches it; of several, the first place and then the longest id wins. A name
    that begins with a prompt's whole text, as VBench names its files, counts too.

    Args:
        prompts: The prompts of the suite.
    """

    def __init__(self, prompts: Iterable[Prompt]) -> None:
        self._by_id = {prompt.id: prompt for prompt in prompts}
        self._by_text = {_plain(prompt.text): prompt for prompt in self._by_id.values()}
        longest_first = sorted(self._by_id, key=len, reverse=True)
        ids = "|".join(re.escape(name) for name in longest_first)
        self._ids = re.compile(rf"(?<![A-Za-z0-9])(?:{ids})(?![A-Za-z0-9])")

    def read(self, path: PurePath) -> Reading | None:
        """Read a path relative to the folder of all videos; None where no prompt is named.

        >>> prompt = Prompt("1000_LR", "a cat ...", "cat", "chair", "LR")
        >>> reading = NameReader([prompt]).read(PurePath("wan/1000_LR_F81_seed03.mp4"))
        >>> reading.model, reading.seed
        ('wan', 3)
        """
        folders = list(path.parts[:-1])
        for place, name in [(None, path.stem), *reversed(list(enumerate(folders)))]:
            found = self._find(name)
            if found is None:
                continue
            prompt, rest = found
            model = [folder for i, folder in enumerate(folders) if i != place]
            seed = _seed(rest) if place is None else _seed(rest, path.stem)
            return Reading(prompt, "/".join(model), seed)
        return None

    def _find(self, name: str) -> tuple[Prompt, str] | None:
        """A prompt named in `name`, and the name without it."""
        match = self._ids.search(name) if self._by_id else None
        if match:
            return self._by_id[match.group()], name[: match.start()] + " " + name[match.end() :]
        words = _plain(name)
        text = re.sub(r" \d+$", "", words)
        prompt = self._by_text.get(words) or self._by_text.get(text)
        return (prompt, words[len(_plain(prompt.text)) :]) if prompt else None


def number_seeds(readings: Sequence[Reading]) -> list[int]:
    """Seeds of files in order; files that name none get the lowest numbers free among those of their model and prompt.

    >>> prompt = Prompt("p", "a cat ...", "cat", "chair", "LR")
    >>> number_seeds([Reading(prompt, "m", None), Reading(prompt, "m", 0), Reading(prompt, "m", None)])
    [1, 0, 2]
    """
    taken: dict[tuple[str, str], set[int]] = {}
    for reading in readings:
        if reading.seed is not None:
            taken.setdefault((reading.model, reading.prompt.id), set()).add(reading.seed)
    seeds = []
    for reading in readings:
        used = taken.setdefault((reading.model, reading.prompt.id), set())
        seed = reading.seed
        if seed is None:
            seed = next(n for n in range(len(used) + 1) if n not in used)
            used.add(seed)
        seeds.append(seed)
    return seeds


def _seed(*names: str) -> int | None:
    for name in names:
        match = re.search(r"seed[-_ ]?(\d{1,9})(?!\d)", name, re.IGNORECASE)
        if match:
            return int(match.group(1))
    for name in names:
        match = re.search(r"(?:^|[-_ ])(\d{1,9})\s*$", name)
        if match:
            return int(match.group(1))
    return None


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.casefold()))
