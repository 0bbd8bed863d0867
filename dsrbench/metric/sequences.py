"""DSR-Score of relations that a user defines: from what each frame says of the two, in [-1, 1] (an extension).

The score and its parts are those of the paper's relations. The diagnosis follows the same rules, with two differences:
no third relation is known that the subject could end in, and a video is `static` where neither sequence moves by more
than `STILL`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dsrbench.errors import InputError
from dsrbench.metric.batch import ScoredFrames, assemble, frame_counts
from dsrbench.metric.diagnosis import STILL, diagnose_sequences
from dsrbench.types import Floats, FrameCounts, Status, VideoScore


def score_sequences(initial: ArrayLike, final: ArrayLike, *, counts: FrameCounts | None = None) -> VideoScore:
    """Score a video for two relations of your own, the first of which should turn into the second.

    Args:
        initial: Value of the initial relation in each frame, `[T]` in [-1, 1]: 1 where it holds fully, -1 where its
            opposite does. NaN in frames of which nothing can be said, such as one without a box.
        final: The same of the final relation.
        counts: Frame counts in force; by default `FrameCounts.for_frames(T)`.

    Returns:
        Scored, or invalid where too few frames have values of both.

    Raises:
        InputError: The sequences are not `[T]` and of one length, or have values outside of [-1, 1].

    >>> inside = np.linspace(-1, 1, 81)
    >>> score = score_sequences(-inside, inside)
    >>> round(score.dsr_score, 3), score.diagnosis.value
    (0.994, 'correct')
    >>> score_sequences(inside, -inside).diagnosis.value
    'reversed'
    """
    a, b = _read(initial, "initial"), _read(final, "final")
    if len(a) != len(b):
        raise InputError(f"expected both sequences to have a value a frame, got {len(a)} and {len(b)}")
    scored = ~(np.isnan(a) | np.isnan(b))
    n = int(np.count_nonzero(scored))
    fewest, window = frame_counts(np.array([len(a)], np.int64), counts)
    a[~scored] = b[~scored] = np.nan
    if n < fewest[0] or n == 0:
        reason = f"too few scored frames: {n} of at least {fewest[0]}"
        return VideoScore(Status.INVALID, reason, ssr_initial=a, ssr_final=b, n_scored=n)
    none = np.empty(0)
    frames = ScoredFrames(none, none, none, none, np.empty(0, bool), np.array([0]), np.array([n]))
    of_scored = a[scored], b[scored]
    batch = assemble(frames, *of_scored, fewest, window)
    (diagnosis,) = diagnose_sequences(
        frames,
        *of_scored,
        dsr_score=batch.dsr_score,
        visited=np.array([True]),
        window=window,
        strays=np.array([False]),
        still=np.max([frames.spread(values) for values in of_scored], axis=0) < STILL,
    )
    r_init, g_init, r_fin, g_fin = batch.parts[0].tolist()
    return VideoScore(
        Status.SCORED,
        dsr_score=float(batch.dsr_score[0]),
        r_init=r_init,
        g_init=g_init,
        r_fin=r_fin,
        g_fin=g_fin,
        ssr_initial=a,
        ssr_final=b,
        n_scored=n,
        diagnosis=diagnosis,
    )


def _read(values: ArrayLike, name: str) -> Floats:
    sequence = np.array(values, np.float64)
    if sequence.ndim != 1:
        raise InputError(f"expected a value of the {name} relation a frame, [T], got {list(sequence.shape)}")
    if np.any(np.abs(sequence) > 1):
        largest = sequence[np.nanargmax(np.abs(sequence))]
        raise InputError(f"expected values of the {name} relation in -1..1, got {largest}")
    return sequence
