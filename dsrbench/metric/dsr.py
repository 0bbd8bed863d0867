"""DSR-Score of tracked videos: SpatialAlign, arXiv 2602.22745, and this project's extensions (chains, clip lengths)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from dsrbench.geometry import ssr_scores
from dsrbench.metric.batch import Ints, ScoredFrames, assemble, frame_counts, scored_frames
from dsrbench.metric.diagnosis import HOLDS, diagnose
from dsrbench.types import Floats, FrameCounts, Prompt, Relation, Status, VideoScore, VideoTracks

VIDEOS_AT_ONCE = 96


def score_tracks(
    tracks: VideoTracks, prompt: Prompt | str | Sequence[Relation], *, counts: FrameCounts | None = None
) -> VideoScore:
    """DSR-Score of one video.

    Args:
        tracks: Its boxes.
        prompt: The prompt of the video: a `Prompt`, its text, or relation codes such as `"LR"` or `"lr"`.
        counts: Frame counts in force; by default `FrameCounts.for_frames(len(tracks))`.

    Returns:
        Scored, or invalid with a reason: too few scored frames, or a relation that boxes cannot decide.

    Raises:
        PromptError: Unknown relation codes, or a text without relations.

    >>> import numpy as np
    >>> cat = np.linspace([0.0, 40, 20, 60], [80.0, 40, 100, 60], 81)
    >>> chair = np.tile([40.0, 40, 60, 60], (81, 1))
    >>> score = score_tracks(VideoTracks(cat, chair), "LR")
    >>> score.dsr_score, score.diagnosis.value
    (1.0, 'correct')
    """
    return score_many([tracks], [prompt], counts=counts)[0]


def score_many(
    tracks: Iterable[VideoTracks],
    prompts: Iterable[Prompt | str | Sequence[Relation]],
    *,
    counts: FrameCounts | None = None,
) -> list[VideoScore]:
    """DSR-Scores of many videos of any lengths, much faster than one at a time.

    Args:
        tracks: Boxes of each video.
        prompts: The prompt of each video: `Prompt` values, their texts, or relation codes.
        counts: Frame counts in force for all; by default each video's own.

    Returns:
        A score a video, in order.

    Raises:
        PromptError: Unknown relation codes, or a text without relations.
        ValueError: Unequal numbers of tracks and prompts.
    """
    groups: dict[tuple[Relation, ...], list[tuple[int, VideoTracks]]] = defaultdict(list)
    chains: dict[str, tuple[Relation, ...]] = {}
    total = 0
    for track, prompt in zip(tracks, prompts, strict=True):
        if isinstance(prompt, str):
            relations = chains.get(prompt) or chains.setdefault(prompt, read_relations(prompt))
        else:
            relations = read_relations(prompt)
        groups[relations].append((total, track))
        total += 1
    scores: list[VideoScore | None] = [None] * total
    for relations, members in groups.items():
        for first in range(0, len(members), VIDEOS_AT_ONCE):
            some = members[first : first + VIDEOS_AT_ONCE]
            for (index, _), score in zip(some, _score_group([t for _, t in some], relations, counts), strict=True):
                scores[index] = score
    return [score for score in scores if score is not None]


def read_relations(prompt: Prompt | str | Sequence[Relation]) -> tuple[Relation, ...]:
    """Read the relations that a video was asked to show, in time order.

    Args:
        prompt: A prompt, its text, or relation codes in capitals or small letters.

    Raises:
        PromptError: Unknown relation codes, or a text without relations.

    >>> read_relations("lt") == read_relations("A cat is on the left of a box, then the cat jumps onto the box.")
    True
    """
    if isinstance(prompt, Prompt):
        return prompt.relations
    if isinstance(prompt, str) and any(character.isspace() for character in prompt.strip()):
        from dsrbench.prompts import parse_prompt

        return parse_prompt(prompt).relations
    return Relation.chain(prompt.upper() if isinstance(prompt, str) else prompt)


def _score_group(
    tracks: list[VideoTracks], relations: tuple[Relation, ...], counts: FrameCounts | None
) -> list[VideoScore]:
    """Score videos asked for the same relations, few enough for the processor's cache."""
    unsupported = [r for r in relations if r.needs_depth]
    if unsupported:
        reason = f"unsupported relation {unsupported[0].value}: {unsupported[0].name.lower()} needs depth"
        return [VideoScore.invalid(reason) for _ in tracks]
    lengths = np.array([len(t) for t in tracks], np.int64)
    subject = np.concatenate([t.subject for t in tracks])
    object_ = np.concatenate([t.object for t in tracks])
    ends = relations[0], relations[-1]
    frames, scored = scored_frames(subject, object_, lengths, ends)
    fewest, window = frame_counts(lengths, counts)
    a, b = frames.of(ends[0]), frames.of(ends[1])
    batch = assemble(frames, a, b, fewest, window)
    visited = _visited(frames, relations, subject[scored], object_[scored], window)
    words = diagnose(frames, relations=relations, dsr_score=batch.dsr_score, visited=visited, window=window)
    sequences = np.full((2, len(subject)), np.nan)
    sequences[0, scored], sequences[1, scored] = a, b
    last = np.cumsum(lengths)
    results = []
    rows = zip(
        batch.dsr_score.tolist(), batch.parts.tolist(), frames.count.tolist(), fewest.tolist(), words, strict=True
    )
    for i, (score, parts, n, least, word) in enumerate(rows):
        ssr = sequences[:, last[i] - lengths[i] : last[i]].copy()
        chain = bool(visited[i]) if len(relations) > 2 and word is not None else None
        if word is None:
            reason = f"too few scored frames: {n} of at least {least}"
            results.append(VideoScore(Status.INVALID, reason, ssr_initial=ssr[0], ssr_final=ssr[1], n_scored=n))
        else:
            r_init, g_init, r_fin, g_fin = parts
            results.append(
                VideoScore(Status.SCORED, "", score, r_init, g_init, r_fin, g_fin, ssr[0], ssr[1], n, chain, word)
            )
    return results


def _visited(
    frames: ScoredFrames, relations: tuple[Relation, ...], subject: Floats, object_: Floats, window: Ints
) -> NDArray[np.bool_]:
    """Tell whether each video reaches its middle relations in order: an SSR score of `HOLDS` averaged over a window."""
    visited = np.ones(len(frames.count), bool)
    middle = relations[1:-1]
    if not middle:
        return visited
    for i, (start, count) in enumerate(zip(frames.start, frames.count, strict=True)):
        at = slice(start, start + count)
        position = 0
        for relation in middle:
            ssr = np.nan_to_num(ssr_scores(subject[at], object_[at], relation), nan=-1.0)[position:]
            width = int(window[i])
            means = np.convolve(ssr, np.ones(width) / width, "valid") if len(ssr) >= width else np.empty(0)
            reached = np.flatnonzero(means >= HOLDS)
            if not len(reached):
                visited[i] = False
                break
            position += int(reached[0]) + 1
    return visited
