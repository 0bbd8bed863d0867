"""Which prompt, model and seed a video file belongs to, read from its path."""

from __future__ import annotations

import collections
import dataclasses
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from dsrbench.errors import InputError
from dsrbench.prompts.wordings import WORDINGS
from dsrbench.types import Prompt

_SEED = re.compile(r"seed[-_ =]?(\d{1,18})(?!\d)", re.IGNORECASE)
_LAST_NUMBER = re.compile(r"(?:^|[-_ ])(\d{1,9})\s*$")


@dataclasses.dataclass(frozen=True)
class Reading:
    """The meaning of a path.

    Attributes:
        prompt: The prompt.
        model: Folders that name neither prompt nor seed, joined; empty where there are none.
        seed: The seed, where one is given.
    """

    prompt: Prompt
    model: str
    seed: int | None


class NameReader:
    """Finds whole prompt texts, or prompt ids, in file and folder names.

    A name that begins with a prompt's whole text, as VBench names its files, is that prompt's. Otherwise an id counts
    where no letter, digit or name of a wording touches it and it is no seed; of several, the first place and then the
    longest id wins.

    Args:
        prompts: The prompts of the suite.
    """

    def __init__(self, prompts: Iterable[Prompt]) -> None:
        self._by_id = {_composed(prompt.id): prompt for prompt in prompts}
        texts = collections.Counter(_plain(prompt.text) for prompt in self._by_id.values())
        self._by_text = {
            text: prompt
            for prompt in self._by_id.values()
            if (text := _plain(prompt.text)) and texts[text] == 1  # a text of two prompts names neither
        }
        longest_first = sorted(self._by_id, key=len, reverse=True)
        ids = "|".join(re.escape(name) for name in longest_first)
        wordings = "|".join(map(re.escape, WORDINGS))
        self._ids = re.compile(rf"(?<![^\W_])(?i:(?<!seed[-_ =]))(?:{ids})(?![^\W_]|~(?:{wordings})(?![^\W_]))")

    def read(self, path: PurePath) -> Reading | None:
        """Read a path relative to the folder of all videos; None where no prompt is named.

        Raises:
            InputError: File and folder are the ids of two prompts.

        >>> prompt = Prompt("1000_LR", "a cat ...", "cat", "chair", "LR")
        >>> reading = NameReader([prompt]).read(PurePath("wan/1000_LR_F81_seed03.mp4"))
        >>> reading.model, reading.seed
        ('wan', 3)
        """
        folders = list(path.parts[:-1])
        for place, name in [(None, path.stem), *reversed(list(enumerate(folders)))]:
            reading = self._find(name)
            if reading is None:
                continue
            prompt, rest = reading
            if place is None:
                self._refuse_two(path)
            of_seed = [folder for folder in reversed(folders) if _SEED.fullmatch(folder)]
            model = [
                folder
                for i, folder in enumerate(folders)
                if i != place and folder not in of_seed and not self._is_name(folder, prompt)
            ]
            names = [rest] if place is None else [rest, path.stem]
            return Reading(prompt, "/".join(model), _seed(*names, *of_seed))
        return None

    def _find(self, name: str) -> tuple[Prompt, str] | None:
        """Return a prompt named in `name`, and the name without it."""
        words = _plain(name).split()
        for n in range(len(words), 0, -1):
            prompt = self._by_text.get(" ".join(words[:n]))
            if prompt is not None:
                return prompt, " ".join(words[n:])
        name = _composed(name)
        match = self._ids.search(name) if self._by_id else None
        if match is None:
            return None
        return self._by_id[match.group()], name[: match.start()] + " " + name[match.end() :]

    def _is_name(self, folder: str, prompt: Prompt) -> bool:
        """Tell whether a folder's whole name is the prompt's id or text, so that it cannot be a model's."""
        return self._by_id.get(_composed(folder)) is prompt or self._by_text.get(_plain(folder)) is prompt

    def _refuse_two(self, path: PurePath) -> None:
        """Numbers may be ids and seeds: where `3/4.mp4` might be either prompt's, nobody guesses."""
        by_file = self._by_id.get(_composed(path.stem))
        for folder in path.parts[:-1]:
            by_folder = self._by_id.get(_composed(folder))
            if by_file is not None and by_folder is not None and by_folder is not by_file:
                raise InputError(
                    f"{readable(str(path))}: both {by_folder.id!r} and {by_file.id!r} are ids of prompts; a video list "
                    f"with the columns video, prompt_id, seed says which is meant"
                )


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


def readable(name: str) -> str:
    r"""Make a file name writable anywhere: bytes that are no UTF-8 become a replacement character.

    >>> readable("caf\udce9.mp4") == "caf\ufffd.mp4"
    True
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _seed(*names: str) -> int | None:
    for pattern in (_SEED, _LAST_NUMBER):
        for name in names:
            if match := pattern.search(name):
                return int(match.group(1))
    return None


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", _composed(text).casefold()))
