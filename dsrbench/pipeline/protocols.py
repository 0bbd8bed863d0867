"""Protocols: named presets of detector, tracker, their options, frame counts and stride."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from dsrbench.errors import OptionError, near_matches
from dsrbench.pipeline.stages import Stages
from dsrbench.registry import detectors, trackers
from dsrbench.types import FrameCounts

Options = Mapping[str, Mapping[str, str]]


@dataclasses.dataclass(frozen=True)
class Protocol:
    """A preset.

    Attributes:
        detector: Its name; None leaves the choice to the user.
        tracker: Likewise.
        options: What it sets of each kind's options.
        counts: Frame counts; None scales the published ones.
        stride: As in `Stages`.
    """

    detector: str | None = None
    tracker: str | None = None
    options: Options = dataclasses.field(default_factory=dict)
    counts: FrameCounts | None = None
    stride: int = 1


PROTOCOLS = {
    "default": Protocol(),
    "fast": Protocol(stride=4),
    "spatialalign": Protocol(
        detector="grounding-dino",
        tracker="sam2",
        options={"detector": {"strict": "true"}, "tracker": {"inclusive": "true"}},
        counts=FrameCounts.published(),
    ),
}
"""`default`: the backends' own settings. `fast`: every fourth frame, and all near either end, for screening.
`spatialalign`: what the paper did (arXiv 2602.22745): printed labels, no suppression, published thresholds, absolute
counts, inclusive corners."""


def make_stages(
    protocol: str = "default",
    *,
    detector: str | None = None,
    tracker: str | None = None,
    options: Options | None = None,
    usual_detector: str = "nanodet",
) -> Stages:
    """The stages of a protocol, with what the user asks for in its place.

    Stages that differ from the protocol in more than the model of a backend, its device and its batch are recorded as
    `PROTOCOL, changed`.

    Args:
        protocol: Its name.
        detector: In place of the protocol's.
        tracker: Likewise.
        options: Options of `detector` and `tracker`, as `split_options` sorts them.
        usual_detector: The detector where neither protocol nor user names one.

    Raises:
        OptionError: No such protocol, or an option no backend has.
        BackendError: A backend that cannot be used, or that does not suit the protocol.
    """
    if protocol not in PROTOCOLS:
        raise OptionError(f"no protocol {protocol!r}{near_matches(protocol, PROTOCOLS)}")
    preset, given = PROTOCOLS[protocol], options or {}
    changed = (preset.detector is not None and detector not in (None, preset.detector)) or (
        preset.tracker is not None and tracker not in (None, preset.tracker)
    )
    chosen = {
        "detector": detector or preset.detector or usual_detector,
        "tracker": tracker or preset.tracker or "assignment",
    }
    asked = {}
    for kind, name in chosen.items():
        of_preset = preset.options.get(kind, {}) if name == getattr(preset, kind) else {}
        asked[kind] = {**of_preset, **given.get(kind, {})}
        changed = changed or any(key not in HARMLESS for key in given.get(kind, {}) if preset.options)
    tracker_ready = trackers.create(chosen["tracker"], asked["tracker"])
    return Stages(
        detectors.create(chosen["detector"], asked["detector"]),
        tracker_ready,
        counts=preset.counts,
        stride=preset.stride,
        protocol=f"{protocol}, changed" if changed else protocol,
    )


HARMLESS = frozenset({"model", "revision", "device", "dtype", "batch", "storage"})
"""Options that a published protocol leaves open."""
