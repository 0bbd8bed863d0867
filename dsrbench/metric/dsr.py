"""DSR-Score of tracked videos: SpatialAlign, arXiv 2602.22745, and this project's extensions.

The paper scores two relations in time order. Longer chains, one relation throughout, motions, depth, several claims and
other clip lengths are extensions, each in a module of its own.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence

from dsrbench.errors import InputError
from dsrbench.metric.claims import Claim, read_claims
from dsrbench.metric.dynamic import score_chains
from dsrbench.metric.motion import score_motion
from dsrbench.metric.static import score_throughout
from dsrbench.types import Direction, FrameCounts, Prompt, Relation, Status, VideoScore, VideoTracks

VIDEOS_AT_ONCE = 96


def score_tracks(
    tracks: VideoTracks, prompt: Prompt | str | Sequence[Relation], *, counts: FrameCounts | None = None
) -> VideoScore:
    """DSR-Score of one video.

    Args:
        tracks: Its boxes, with depth where a relation needs it, and with the tracks of further claims.
        prompt: The prompt of the video: a `Prompt`, its text, or codes such as `"LR"`, `"L"` (throughout), `">L"` (a
            motion), `">L+>R"` (two claims), in capitals or small letters.
        counts: Frame counts in force; by default `FrameCounts.for_frames(len(tracks))`.

    Returns:
        Scored, or invalid with a reason: too few scored frames, or a relation that needs depth and has none.

    Raises:
        PromptError: Unknown codes, or a text that cannot be read.
        InputError: The video has fewer or more tracks than claims.

    >>> import numpy as np
    >>> cat = np.linspace([0.0, 40, 20, 60], [80.0, 40, 100, 60], 81)
    >>> chair = np.tile([40.0, 40, 60, 60], (81, 1))
    >>> score = score_tracks(VideoTracks(cat, chair), "LR")
    >>> score.dsr_score, score.diagnosis.value
    (1.0, 'correct')
    >>> score_tracks(VideoTracks(cat, chair), ">R").dsr_score
    1.0
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
        prompts: The prompt of each video: `Prompt` values, their texts, or codes.
        counts: Frame counts in force for all; by default each video's own.

    Returns:
        A score a video, in order.

    Raises:
        PromptError: Unknown codes, or a text that cannot be read.
        InputError: A video has fewer or more tracks than claims.
        ValueError: Unequal numbers of tracks and prompts.
    """
    groups: dict[Claim, list[tuple[int, VideoTracks]]] = defaultdict(list)
    known: dict[str, tuple[Claim, ...]] = {}
    owners: list[int] = []
    total = 0
    for track, prompt in zip(tracks, prompts, strict=True):
        if isinstance(prompt, str):
            claims = known.get(prompt) or known.setdefault(prompt, read_claims(prompt))
        else:
            claims = read_claims(prompt)
        for claim, part in zip(claims, tracks_of_claims(track, len(claims)), strict=True):
            groups[claim].append((len(owners), part))
            owners.append(total)
        total += 1
    scores: list[VideoScore | None] = [None] * len(owners)
    for claim, members in groups.items():
        for first in range(0, len(members), VIDEOS_AT_ONCE):
            some = members[first : first + VIDEOS_AT_ONCE]
            for (index, _), score in zip(some, _score_claim([t for _, t in some], claim, counts), strict=True):
                scores[index] = score
    of_video: list[list[VideoScore]] = [[] for _ in range(total)]
    for owner, claimed in zip(owners, scores, strict=True):
        if claimed is not None:
            of_video[owner].append(claimed)
    return [combine_claims(each) for each in of_video]


def tracks_of_claims(tracks: VideoTracks, n_claims: int) -> tuple[VideoTracks, ...]:
    """Return the tracks of each claim of a video.

    Raises:
        InputError: There are fewer or more tracks than claims.
    """
    parts = (tracks, *tracks.further)
    if len(parts) != n_claims:
        raise InputError(f"expected the tracks of {n_claims} claims, got those of {len(parts)}")
    return parts


def combine_claims(scores: Sequence[VideoScore]) -> VideoScore:
    """Return the score of a video from those of its claims: the worst status, then the least score."""
    if len(scores) == 1:
        return scores[0]
    index = VideoScore(Status.SCORED, clauses=tuple(scores)).decisive_claim
    worst = scores[index]
    reason = f"claim {index + 1}: {worst.reason}" if worst.reason else ""
    return dataclasses.replace(worst, reason=reason, clauses=tuple(scores))


def _score_claim(tracks: list[VideoTracks], claim: Claim, counts: FrameCounts | None) -> list[VideoScore]:
    """Score videos that were asked for the same claim."""
    if isinstance(claim, Direction):
        return [score_motion(each, claim, counts) for each in tracks]
    deep = next((relation for relation in claim if relation.needs_depth), None)
    if deep is not None and all(each.depth is None for each in tracks):
        reason = f"relation {deep.value} ({deep.name.lower()}) needs depth; score with a depth estimator"
        return [VideoScore.invalid(reason) for _ in tracks]
    return score_throughout(tracks, claim[0], counts) if len(claim) == 1 else score_chains(tracks, claim, counts)
