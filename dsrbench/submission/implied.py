"""Checks that the fields of an entry agree with each other and with its rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from dsrbench.backends.base import PropagationTracker
from dsrbench.backends.protocols import name_protocol
from dsrbench.backends.registry import trackers
from dsrbench.store import Sample
from dsrbench.submission.boxes import BoxRow
from dsrbench.submission.entry import Entry
from dsrbench.types import FrameState, Status


def find_contradictions(entry: Entry, rows: Sequence[BoxRow]) -> Iterator[str]:
    """Yield a line for each field of an entry that contradicts others or its rows.

    Args:
        entry: The content of `entry.json`.
        rows: The rows of `boxes.parquet`.
    """
    expected = name_protocol(entry.detector, entry.tracker, counts=entry.counts, stride=entry.stride)
    if entry.protocol != expected:
        settings = "its detector, tracker, options, counts and stride"
        yield f"protocol is said to be {entry.protocol}; {settings} make it {expected}"
    yield from _contradict_tracker(entry, rows)
    prompts = defaultdict(set)
    for row in rows:
        if row.status is Status.SCORED:
            prompts[row.video_sha256].add(row.prompt_id)
    for sha256, ids in sorted(prompts.items()):
        if len(ids) > 1:
            first = ", ".join(sorted(ids)[:3])
            yield f"one video, {sha256[:12]}..., is scored for {len(ids)} prompts ({first}); every prompt has its own"


def _contradict_tracker(entry: Entry, rows: Sequence[BoxRow]) -> Iterator[str]:
    """Yield the first thing in the rows that the built-in tracker of an entry cannot produce."""
    name = entry.tracker.name
    if not trackers.is_builtin(name):
        return
    propagates = issubclass(trackers.load(name), PropagationTracker)
    if propagates and entry.stride > 1:
        yield f"stride is {entry.stride}; tracker {name} needs every frame"
    alien = {FrameState.DETECTED, FrameState.FILLED} if propagates else {FrameState.PROPAGATED}
    for row in rows:
        states = _states(row)
        if states & alien:
            kinds = " and ".join(FrameState(state).name.lower() for state in sorted(states & alien))
            yield f"{row.shown} has frames that are {kinds}; tracker {name} makes none"
            return
        if not (propagates or row.anchored):
            yield f"{row.shown} has no anchor frame; tracker {name} needs none"
            return


def _states(row: BoxRow) -> set[int]:
    """Return the frame states in the boxes of a row."""
    parts = () if row.tracks is None else (row.tracks, *row.tracks.further)
    arrays = [states for part in parts for states in (part.subject_state, part.object_state) if states is not None]
    return {int(state) for states in arrays for state in states}


def find_repeated_videos(samples: Iterable[Sample]) -> list[str]:
    """Return a line for each video that several seeds of a prompt share: a trait of the model, or a mistake."""
    seeds = defaultdict(list)
    for sample in samples:
        if sample.video_sha256:
            seeds[sample.prompt.id, sample.video_sha256].append(sample.seed)
    return [
        f"prompt {id}: seeds {', '.join(map(str, sorted(same)))} have the same video"
        for (id, _), same in sorted(seeds.items())
        if len(same) > 1
    ]
