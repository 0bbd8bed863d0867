"""Settings of a pipeline's clips: the recipe, overridden by the user's options, rounded to sizes the model can make."""

from __future__ import annotations

import dataclasses
from typing import Any

from dsrbench.backends.generators.recipe import Recipe
from dsrbench.backends.pretrained.devices import DTYPES
from dsrbench.errors import OptionError


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of a pipeline's clips.

    Attributes:
        height: Height of a frame, pixels.
        width: Width of a frame, pixels.
        frames: Number of frames of a clip.
        fps: Frames per second.
        steps: Number of denoising steps.
        guidance: Scale of classifier-free guidance.
        negative_prompt: Text that describes what the model should avoid.
        dtypes: Precision by component; `default` holds that of all other components.
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
        """Return the settings as JSON values for manifests."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Overrides:
    """Values that the user sets; None takes the recipe's. Attributes are those of `Settings`."""

    height: int | None = None
    width: int | None = None
    frames: int | None = None
    fps: float | None = None
    steps: int | None = None
    guidance: float | None = None
    negative_prompt: str | None = None
    dtype: str | None = None


def settle(recipe: Recipe, overrides: Overrides) -> tuple[Settings, tuple[str, ...]]:
    """Return the settings in force, and notes about requested sizes and frame counts that were rounded.

    Raises:
        OptionError: A value out of range.

    >>> from dsrbench.backends.generators.recipe import read_recipe
    >>> settings, notes = settle(read_recipe("wan2.1-1.3b"), Overrides(frames=80, height=475))
    >>> settings.frames, settings.height
    (81, 480)
    >>> notes[1]
    'wan2.1-1.3b makes 4n+1 frames: 81 in place of 80'
    """
    for field in dataclasses.fields(overrides):
        value = getattr(overrides, field.name)
        if isinstance(value, int | float) and field.name != "guidance" and not 0 < value < 1e6:
            raise OptionError(f"{field.name} must be above 0 and below a million, got {value}")
    if overrides.guidance is not None and not 0 <= overrides.guidance < 1e6:
        raise OptionError(f"guidance must be 0 or more, got {overrides.guidance}")
    if overrides.dtype is not None and overrides.dtype not in DTYPES:
        raise OptionError(f"dtype must be one of {', '.join(DTYPES)}; got {overrides.dtype!r}")
    values = {
        name: value for name, value in dataclasses.asdict(overrides).items() if value is not None and name != "dtype"
    }
    own = {name: getattr(recipe, name) for name in dataclasses.asdict(overrides) if name != "dtype"}
    dtypes = {"default": overrides.dtype} if overrides.dtype else {"default": recipe.dtype, **recipe.dtypes}
    requested = Settings(**{**own, **values}, dtypes=dtypes)
    if requested.steps < recipe.min_steps:
        raise OptionError(f"{recipe.name} takes at least {recipe.min_steps} steps, got {requested.steps}")
    return _round(recipe, requested)


def _round(recipe: Recipe, requested: Settings) -> tuple[Settings, tuple[str, ...]]:
    possible = dataclasses.replace(
        requested,
        height=recipe.round_size(requested.height),
        width=recipe.round_size(requested.width),
        frames=recipe.round_frames(requested.frames),
    )
    if recipe.max_frames is not None and possible.frames > recipe.max_frames:
        raise OptionError(f"{recipe.name} makes at most {recipe.max_frames} frames, got {requested.frames}")
    notes = []
    if (possible.height, possible.width) != (requested.height, requested.width):
        notes.append(
            f"{recipe.name} makes sizes that are multiples of {recipe.size_multiple}: "
            f"{possible.width}x{possible.height} in place of {requested.width}x{requested.height}"
        )
    if possible.frames != requested.frames:
        notes.append(
            f"{recipe.name} makes {recipe.frame_rule} frames: {possible.frames} in place of {requested.frames}"
        )
    return possible, tuple(notes)
