"""Answers of annotators about clips: a JSON line each, in a folder with a file for each annotator.

An answer to a clip names where the subject is at its start and at its end, and who is there. An answer to a pair names
the clip of two that follows their prompt better. Whether a clip follows its prompt is derived from the answer, so that
an annotator needs not know what was asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dsrbench.errors import InputError
from dsrbench.lines import iter_objects, located
from dsrbench.store import SampleKey
from dsrbench.types import Prompt, Relation

PLACES: Mapping[str, Relation | None] = {
    "left": Relation.LEFT,
    "right": Relation.RIGHT,
    "top": Relation.TOP,
    "under": Relation.UNDER,
    "front": Relation.FRONT,
    "behind": Relation.BEHIND,
    "none": None,
    "unknown": None,
}
"""Answers to where the subject is; "none" is elsewhere, "unknown" that one cannot tell."""

PRESENT = ("both", "subject", "object", "neither", "unknown")
"""Answers to who is there throughout and stays what it is."""

BETTER = ("first", "second", "same")
"""Answers to which clip of a pair follows the prompt better."""


@dataclasses.dataclass(frozen=True)
class ClipLabel:
    """An answer to a clip.

    Attributes:
        annotator: Name of the annotator.
        sample: The clip.
        start: Place of the subject at the start, a key of `PLACES`.
        end: Place of the subject at the end.
        present: Entities that are there, one of `PRESENT`.
    """

    annotator: str
    sample: SampleKey
    start: str
    end: str
    present: str

    def follows(self, prompt: Prompt) -> bool | None:
        """Tell whether the clip follows a prompt of relations; None where the annotator cannot tell."""
        if "unknown" in (self.start, self.end, self.present):
            return None
        ends = PLACES[self.start], PLACES[self.end]
        return self.present == "both" and ends == (prompt.relations[0], prompt.relations[-1])


@dataclasses.dataclass(frozen=True)
class PairLabel:
    """An answer to a pair of clips of one prompt.

    Attributes:
        annotator: Name of the annotator.
        first: The clip shown first.
        second: The other clip.
        better: One of `BETTER`.
    """

    annotator: str
    first: SampleKey
    second: SampleKey
    better: str

    @property
    def clips(self) -> tuple[SampleKey, SampleKey]:
        """Both clips."""
        return self.first, self.second


@dataclasses.dataclass(frozen=True)
class Labels:
    """The answers of all annotators, in the order of their files.

    Attributes:
        clips: Answers to clips; an annotator may answer a clip again.
        pairs: Answers to pairs.
    """

    clips: Sequence[ClipLabel]
    pairs: Sequence[PairLabel]

    @property
    def annotators(self) -> list[str]:
        """Names of the annotators, sorted."""
        return sorted({label.annotator for label in self.clips} | {label.annotator for label in self.pairs})


def read_labels(folder: Path) -> Labels:
    """Read the answers in the `*.jsonl` files of a folder.

    Each line has `annotator`, and either `sample` with `start`, `end` and `present`, or `first`, `second` and `better`;
    a clip is `{"model": ..., "prompt_id": ..., "seed": ...}`. Other fields are ignored.

    Raises:
        InputError: No such folder, no answers, or a line of another form.
    """
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise InputError(f"{folder}: expected a folder with answers of annotators, files named *.jsonl")
    clips, pairs = [], []
    for path in files:
        try:
            text = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror})") from None
        for place, row in iter_objects(text, path):
            with located(place):
                annotator = _text(row, "annotator")
                if "better" in row:
                    first, second = (_sample(row.get(name), name) for name in ("first", "second"))
                    if first == second or first.prompt_id != second.prompt_id:
                        raise InputError("expected two clips of one prompt under 'first' and 'second'")
                    pairs.append(PairLabel(annotator, first, second, _choice(row, "better", BETTER)))
                else:
                    start, end = (_choice(row, name, tuple(PLACES)) for name in ("start", "end"))
                    sample = _sample(row.get("sample"), "sample")
                    clips.append(ClipLabel(annotator, sample, start, end, _choice(row, "present", PRESENT)))
    if not clips and not pairs:
        raise InputError(f"{folder}: its files have no answers")
    return Labels(clips, pairs)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"expected a text under {name!r}, got {value!r}")
    return value


def _choice(row: Mapping[str, Any], name: str, choices: Sequence[str]) -> str:
    value = row.get(name)
    if value not in choices:
        raise InputError(f"expected one of {', '.join(choices)} under {name!r}, got {value!r}")
    return str(value)


def _sample(value: Any, name: str) -> SampleKey:
    is_key = isinstance(value, dict) and isinstance(value.get("model"), str) and isinstance(value.get("prompt_id"), str)
    if not is_key or not isinstance(value.get("seed"), int) or isinstance(value.get("seed"), bool):
        raise InputError(f"expected model, prompt_id and seed of a clip under {name!r}, got {value!r}")
    return SampleKey(value["model"], value["prompt_id"], value["seed"])
