"""The diagnosis of a scored video, in a word.

A relation *holds* at the start (end) of a video when its SSR score, averaged over the first (last) window, is at least
`HOLDS`. The subject *stands still* when its SSR scores along both axes, and in depth where a relation needs it, stay
within `STILL` over the whole video. The first rule that fits gives the diagnosis:

1. `correct`: DSR-Score >= 0.7 and, in a chain, every middle relation was visited.
2. `static`: the subject stands still relative to the object, wherever it is.
3. `reversed`: the final relation holds at the start and the initial one at the end, and they differ.
4. `wrong_start`: the final relation holds at the end, the initial one does not at the start.
5. `wrong_end`: the initial relation holds at the start, but at the end some relation other than the two asked for
   holds, or the subject has moved away from the final one by more than `STRAYED`.
6. `partial`: the initial relation holds at the start, and the subject made part of the way: left the initial relation
   or approached the final one by at least `STRAYED`, or arrived without visiting every middle relation.
7. `other`: anything else, such as leaving and coming back, or starting and ending in wrong places.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dsrbench.metric.batch import Ints, ScoredFrames
from dsrbench.types import HEADLINE_THRESHOLD, Diagnosis, Floats, Relation

HOLDS = 0.5
STILL = 0.4
STRAYED = 0.2


def diagnose(
    frames: ScoredFrames,
    *,
    relations: tuple[Relation, ...],
    dsr_score: Floats,
    visited: NDArray[np.bool_],
    window: Ints,
) -> list[Diagnosis | None]:
    """Diagnose N videos that were asked for the same relations.

    Args:
        frames: Their scored frames.
        relations: Relations of their prompts, in time order.
        dsr_score: Their scores, `[N]`, NaN where there is none.
        visited: Whether every middle relation was visited, `[N]`; true where there is none.
        window: Frames averaged at either end, `[N]`.

    Returns:
        A diagnosis a video; None where there is no score.
    """
    initial, final = relations[0], relations[-1]
    right, down = (frames.window(axis, window, last=True) for axis in (frames.right, frames.down))
    at_end = {Relation.LEFT: -right, Relation.RIGHT: right, Relation.TOP: -down, Relation.UNDER: down}
    moved = np.maximum(frames.spread(frames.right), frames.spread(frames.down))
    if initial.needs_depth or final.needs_depth:
        front = frames.window(frames.front, window, last=True)
        at_end |= {Relation.FRONT: front, Relation.BEHIND: -front}
        moved = np.maximum(moved, frames.spread(frames.front))
    strays = np.max([at_end[r] for r in at_end if r not in (initial, final)], axis=0) >= HOLDS
    return diagnose_sequences(
        frames,
        frames.of(initial),
        frames.of(final),
        dsr_score=dsr_score,
        visited=visited,
        window=window,
        strays=strays,
        still=moved < STILL,
        differ=initial != final,
    )


def diagnose_sequences(
    frames: ScoredFrames,
    a: Floats,
    b: Floats,
    *,
    dsr_score: Floats,
    visited: NDArray[np.bool_],
    window: Ints,
    strays: NDArray[np.bool_],
    still: NDArray[np.bool_],
    differ: bool = True,
) -> list[Diagnosis | None]:
    """Diagnose N videos from the SSR scores of the two relations that they were asked for.

    Args:
        frames: Their scored frames.
        a: SSR scores of the initial relation, `[M]`.
        b: SSR scores of the final relation, `[M]`.
        dsr_score: Their scores, `[N]`, NaN where there is none.
        visited: Whether every middle relation was visited, `[N]`.
        window: Frames averaged at either end, `[N]`.
        strays: Whether some relation other than the two holds at the end, `[N]`.
        still: Whether the subject stands still, `[N]`.
        differ: Whether the relations are two different ones.

    Returns:
        A diagnosis a video; None where there is no score.
    """
    a_start, a_end = (frames.window(a, window, last=last) for last in (False, True))
    b_start, b_end = (frames.window(b, window, last=last) for last in (False, True))
    with np.errstate(invalid="ignore"):
        starts, ends = a_start >= HOLDS, b_end >= HOLDS
        under_way = (b_end - b_start >= STRAYED) | (a_start - a_end >= STRAYED) | (ends & ~visited)
        rules = [
            (Diagnosis.CORRECT, (dsr_score >= HEADLINE_THRESHOLD) & visited),
            (Diagnosis.STATIC, still),
            (Diagnosis.REVERSED, (b_start >= HOLDS) & (a_end >= HOLDS) & differ),
            (Diagnosis.WRONG_START, ends & ~starts),
            (Diagnosis.WRONG_END, starts & (strays | (b_end < b_start - STRAYED)) & ~ends),
            (Diagnosis.PARTIAL, starts & under_way),
        ]
    names = np.select([fits for _, fits in rules], range(len(rules)), default=len(rules))
    words = [*(word for word, _ in rules), Diagnosis.OTHER]
    return [None if np.isnan(score) else words[name] for score, name in zip(dsr_score, names, strict=True)]
