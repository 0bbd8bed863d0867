"""Protocols: named presets of detector, tracker, their options, frame counts and stride.

The name of a protocol says what a figure was measured with, so it follows from these settings: `name_protocol` gives
the name of whatever is in force, and `custom` where no preset is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from dsrbench.backends.registry import Registry, default_options, detectors, trackers
from dsrbench.store.manifest import BackendRecord, RunManifest
from dsrbench.types import FrameCounts

Options = Mapping[str, Mapping[str, Any]]
"""Options of each kind of backend, such as `{"detector": {"strict": True}}`."""

CUSTOM = "custom"
"""Name of settings that no preset has."""

FREE = frozenset({"device", "dtype", "batch", "compile", "storage", "threads", "samples", "temperature"})
"""Options that say where and how fast a backend runs, or how the certainty is measured; comparable runs may differ."""

OPEN = FREE | {"model", "revision", "weights", "folder", "boxes"}
"""Options that every protocol leaves open: these, and which weights of the backend run."""

FORMER_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "assignment": {"entry": 0.12, "jump": 1.5, "memory": None, "extend": 0.4, "gap": None},
}
"""Options that were a built-in backend's defaults in version 0.1, by which its runs and entries are known."""


@dataclasses.dataclass(frozen=True)
class Protocol:
    """A preset.

    Attributes:
        detector: Name of the detector; None leaves the choice to the user.
        tracker: Name of the tracker; likewise.
        options: Options that differ from the backends' own defaults, by kind.
        counts: Frame counts; None scales the published ones to each clip.
        stride: Frames from one that is looked at to the next.
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
        options={"detector": {"strict": True}, "tracker": {"inclusive": True}},
        counts=FrameCounts.published(),
    ),
}
"""`default`: the backends' own settings. `fast`: every fourth frame, and all near either end, for screening.
`spatialalign`: what the paper did (arXiv 2602.22745): printed labels, no suppression, published thresholds, absolute
counts, inclusive corners."""


def name_protocol(detector: BackendRecord, tracker: BackendRecord, *, counts: FrameCounts | None, stride: int) -> str:
    """Name the protocol that settings make.

    Args:
        detector: Record of the detector; its `name` and `options` count.
        tracker: Record of the tracker, likewise.
        counts: Frame counts in force; None for scaled ones.
        stride: Frames from one that is looked at to the next.

    Returns:
        The preset that has just these settings; `custom` where none has, or where a backend comes from another package.

    >>> detector = BackendRecord("nanodet", options={"any_animal": True})
    >>> name_protocol(detector, BackendRecord("assignment"), counts=None, stride=1)
    'custom'
    """
    for name, preset in PROTOCOLS.items():
        if (
            preset.counts == counts
            and preset.stride == stride
            and _fits(detectors, preset.detector, preset.options, detector)
            and _fits(trackers, preset.tracker, preset.options, tracker)
        ):
            return name
    return CUSTOM


def protocol_of(manifest: RunManifest) -> str:
    """Name the protocol of a run from the settings in its manifest, whatever name the manifest has."""
    return name_protocol(manifest.detector, manifest.tracker, counts=manifest.counts, stride=manifest.stride)


def _fits(registry: Registry[Any], name: str | None, options: Options, record: BackendRecord) -> bool:
    """Tell whether a backend is the preset's, with the preset's options and otherwise its own defaults."""
    if name not in (None, record.name) or not registry.is_builtin(record.name):
        return False
    recorded = record.options
    if recorded == FORMER_DEFAULTS.get(record.name) and not options.get(registry.kind):
        return True
    expected = {**default_options(registry.load(record.name)), **options.get(registry.kind, {})}
    return all(recorded[key] == expected.get(key, recorded[key]) for key in recorded if key not in OPEN) and all(
        recorded.get(key) == value for key, value in options.get(registry.kind, {}).items()
    )
