"""What a pipeline is asked for in the end: the recipe, but for what the user gave, in numbers the model can make."""

from __future__ import annotations

import dataclasses
from typing import Any

from dsrbench.backends.generators.recipe import Recipe
from dsrbench.backends.pretrained.devices import DTYPES
from dsrbench.errors import OptionError


@dataclasses.dataclass(frozen=True)
class Settings:
    """All values in force for a pipeline's clips.

    Attributes:
        height: Pixels.
        width: Pixels.
        frames: Frames a clip, as asked for.
        fps: Frames a second.
        steps: Denoising steps.
        guidance: Scale of classifier-free guidance.
        negative_prompt: What the model is told to avoid.
        dtypes: Precision by component; `default` for the others.
    """

    height: int
    width: int
    frames: int
    fps: float
    steps: int
    guidance: float
    negative_prompt: str
    dtypes: dict[str, str]

    def record(self) -> dict[str, Any]:
        """As it goes into manifests."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the user asked for; None leaves a value to the recipe. Attributes are those of `Settings`."""

    height: int | None = None
    width: int | None = None
    frames: int | None = None
    fps: float | None = None
    steps: int | None = None
    guidance: float | None = None
    negative_prompt: str | None = None
    dtype: str | None = None


def settle(recipe: Recipe, asked: Asked) -> tuple[Settings, tuple[str, ...]]:
    """Settings in force, and notes about what was asked for and cannot be had: sizes and frame counts are rounded.

    Raises:
        OptionError: A value out of range.

    >>> from dsrbench.backends.generators.recipe import read_recipe
    >>> settings, notes = settle(read_recipe("wan2.1-1.3b"), Asked(frames=80, height=475))
    >>> settings.frames, settings.height
    (81, 480)
    >>> notes[1]
    'wan2.1-1.3b makes 4n+1 frames: 81 in place of 80'
    """
    for field in dataclasses.fields(asked):
        value = getattr(asked, field.name)
        if isinstance(value, int | float) and field.name != "guidance" and not 0 < value < 1e6:
            raise OptionError(f"{field.name} must be above 0 and below a million, got {value}")
    if asked.guidance is not None and not 0 <= asked.guidance < 1e6:
        raise OptionError(f"guidance must be 0 or more, got {asked.guidance}")
    if asked.dtype is not None and asked.dtype not in DTYPES:
        raise OptionError(f"dtype must be one of {', '.join(DTYPES)}; got {asked.dtype!r}")
    given = {name: value for name, value in dataclasses.asdict(asked).items() if value is not None and name != "dtype"}
    own = {name: getattr(recipe, name) for name in dataclasses.asdict(asked) if name != "dtype"}
    dtypes = {"default": asked.dtype} if asked.dtype else {"default": recipe.dtype, **recipe.dtypes}
    wanted = Settings(**{**own, **given}, dtypes=dtypes)
    if wanted.steps < recipe.min_steps:
        raise OptionError(f"{recipe.name} takes at least {recipe.min_steps} steps, got {wanted.steps}")
    return _round(recipe, wanted)


def _round(recipe: Recipe, wanted: Settings) -> tuple[Settings, tuple[str, ...]]:
    possible = dataclasses.replace(
        wanted,
        height=recipe.round_size(wanted.height),
        width=recipe.round_size(wanted.width),
        frames=recipe.round_frames(wanted.frames),
    )
    if recipe.max_frames is not None and possible.frames > recipe.max_frames:
        raise OptionError(f"{recipe.name} makes at most {recipe.max_frames} frames, got {wanted.frames}")
    notes = []
    if (possible.height, possible.width) != (wanted.height, wanted.width):
        notes.append(
            f"{recipe.name} makes sizes that are multiples of {recipe.size_multiple}: "
            f"{possible.width}x{possible.height} in place of {wanted.width}x{wanted.height}"
        )
    if possible.frames != wanted.frames:
        notes.append(f"{recipe.name} makes {recipe.frame_rule} frames: {possible.frames} in place of {wanted.frames}")
    return possible, tuple(notes)
