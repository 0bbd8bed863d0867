"""Diagnoses, score parts and reasons in words, for all pages, tables and commands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from dsrbench.analysis.alternatives import Alternative, Entity, Side, Span
from dsrbench.analysis.certainty import certainty_of, is_uncertain
from dsrbench.store import Sample
from dsrbench.types import (
    HEADLINE_THRESHOLD,
    Clause,
    Diagnosis,
    Direction,
    Kind,
    Prompt,
    Relation,
    Status,
    VideoScore,
)

RELATIONS: Mapping[Relation, str] = MappingProxyType(
    {
        Relation.LEFT: "left of",
        Relation.RIGHT: "right of",
        Relation.TOP: "on top of",
        Relation.UNDER: "under",
        Relation.FRONT: "in front of",
        Relation.BEHIND: "behind",
    }
)
"""Words between subject and object, by relation."""

TITLES: Mapping[Diagnosis, str] = MappingProxyType(
    {
        Diagnosis.CORRECT: "Correct",
        Diagnosis.STATIC: "Stands still",
        Diagnosis.REVERSED: "Reversed",
        Diagnosis.WRONG_START: "Wrong start",
        Diagnosis.WRONG_END: "Wrong end",
        Diagnosis.PARTIAL: "Part of the way",
        Diagnosis.OTHER: "Something else",
    }
)
"""Titles of the diagnoses, of one to four words."""

DIRECTIONS: Mapping[Direction, str] = MappingProxyType(
    {
        Direction.LEFT: "to the left",
        Direction.RIGHT: "to the right",
        Direction.UP: "up",
        Direction.DOWN: "down",
    }
)
"""Words for directions of motion."""

KINDS: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.DYNAMIC: "In time order",
        Kind.DEPTH: "In depth",
        Kind.STATIC: "Throughout",
        Kind.MOTION: "Motion",
        Kind.SEVERAL: "Several claims",
    }
)
"""Titles of the kinds of claims."""

MEANINGS: Mapping[Diagnosis, str] = MappingProxyType(
    {
        Diagnosis.CORRECT: "The {subject} goes from {initial} the {object} to {final} it, well enough to pass.",
        Diagnosis.STATIC: "The {subject} hardly moves relative to the {object}: "
        "it was to go from {initial} it to {final} it.",
        Diagnosis.REVERSED: "It runs backwards: the {subject} starts {final} the {object} and ends {initial} it.",
        Diagnosis.WRONG_START: "The {subject} ends {final} the {object} as asked, but does not start {initial} it.",
        Diagnosis.WRONG_END: "The {subject} starts {initial} the {object} but ends elsewhere than {final} it.",
        Diagnosis.PARTIAL: "The {subject} starts {initial} the {object} and makes part of the way to {final} it.",
        Diagnosis.OTHER: "The {subject} moves, but not from {initial} the {object} to {final} it, nor in another way "
        "that has a name.",
    }
)
"""Sentences about relations in time order by diagnosis; the rules are in `dsrbench.metric.diagnosis`."""

THROUGHOUT: Mapping[Diagnosis, str] = MappingProxyType(
    {
        Diagnosis.CORRECT: "The {subject} is {initial} the {object}, well enough to pass.",
        Diagnosis.REVERSED: "The {subject} is {opposite} the {object} in place of {initial} it.",
        Diagnosis.PARTIAL: "The {subject} is {initial} the {object} in a part of the video only.",
        Diagnosis.OTHER: "The {subject} is neither clearly {initial} the {object} nor clearly {opposite} it.",
    }
)
"""Sentences about one relation throughout by diagnosis; the rules are in `dsrbench.metric.static`."""

MOTIONS: Mapping[Diagnosis, str] = MappingProxyType(
    {
        Diagnosis.CORRECT: "The {subject} moves {direction}, well enough to pass.",
        Diagnosis.REVERSED: "The {subject} moves {opposite} in place of {direction}.",
        Diagnosis.STATIC: "The {subject} hardly moves; it was to move {direction}.",
        Diagnosis.PARTIAL: "The {subject} moves {direction}, but too little, or too much in other directions as well.",
        Diagnosis.OTHER: "The {subject} moves in another direction than {direction}.",
    }
)
"""Sentences about motions by diagnosis; the rules are in `dsrbench.metric.motion`."""

PARTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "r_init": ("Start", "how well the first frames show the initial relation"),
        "g_init": ("Leaves the start", "how far the subject leaves the initial relation"),
        "r_fin": ("End", "how well the last frames show the final relation"),
        "g_fin": ("Reaches the end", "how far the subject comes toward the final relation"),
    }
)
"""Title and description of the four parts of the score, which are in [-1, 1]."""

SIDES: Mapping[Side, str] = MappingProxyType(
    {
        Side.LEFT: "further to the left",
        Side.RIGHT: "further to the right",
        Side.ABOVE: "further up",
        Side.BELOW: "further down",
    }
)
"""Words for the place of another box relative to the scored one."""

SPANS: Mapping[Span, str] = MappingProxyType(
    {
        Span.FIRST: "in the first frames",
        Span.LAST: "in the last frames",
        Span.THROUGHOUT: "throughout",
    }
)
"""Words for the part of a video in which boxes differ."""

_WEAK = 0.0625
"""Loss of points, in [0, 0.25], above which a part is called weak: that of a part of 0.5."""


def describe_clause(clause: Clause) -> str:
    """Return a claim in words.

    >>> describe_clause(Clause("cat", "box", Relation.chain("LTR")))
    'cat left of, then on top of, then right of the box'
    >>> describe_clause(Clause("cat", "box", Relation.chain("L")))
    'cat left of the box throughout'
    >>> describe_clause(Clause("drone", direction=Direction.UP))
    'drone moving up'
    """
    if clause.direction is not None:
        return f"{clause.subject} moving {DIRECTIONS[clause.direction]}"
    relations = ", then ".join(RELATIONS[relation] for relation in clause.relations)
    return f"{clause.subject} {relations} the {clause.object}{' throughout' * clause.is_static}"


def describe_prompt(prompt: Prompt) -> str:
    """Return all claims of a prompt in words."""
    return "; ".join(f"the {describe_clause(clause)}" for clause in prompt.clauses)


def name_curves(clause: Clause) -> tuple[str, ...]:
    """Return the names of the curves of a claim: both relations, the only one, or the direction.

    >>> name_curves(Clause("cat", "box", Relation.chain("LR"))), name_curves(Clause("drone", direction=Direction.UP))
    (('start: left of', 'end: right of'), ('way up',))
    """
    if clause.direction is not None:
        return (f"way {DIRECTIONS[clause.direction]}",)
    if clause.is_static:
        return (f"{RELATIONS[clause.relations[0]]} throughout",)
    return f"start: {RELATIONS[clause.relations[0]]}", f"end: {RELATIONS[clause.relations[-1]]}"


def explain_diagnosis(diagnosis: Diagnosis, clause: Clause) -> str:
    """Return a sentence about a video with a diagnosis.

    >>> explain_diagnosis(Diagnosis.REVERSED, Clause("cat", "box", Relation.chain("LR")))
    'It runs backwards: the cat starts right of the box and ends left of it.'
    >>> explain_diagnosis(Diagnosis.REVERSED, Clause("cat", "box", Relation.chain("L")))
    'The cat is right of the box in place of left of it.'
    """
    if clause.direction is not None:
        words = {"direction": DIRECTIONS[clause.direction], "opposite": DIRECTIONS[clause.direction.opposite]}
        return MOTIONS[diagnosis].format(subject=clause.subject, **words)
    initial, final = clause.relations[0], clause.relations[-1]
    return (THROUGHOUT if clause.is_static else MEANINGS)[diagnosis].format(
        subject=clause.subject,
        object=clause.object,
        initial=RELATIONS[initial],
        final=RELATIONS[final],
        opposite=RELATIONS[initial.opposite],
    )


def explain_sample(sample: Sample) -> str:
    """Return a sentence about a sample: its diagnosis, or the reason for a missing score.

    Where there are several claims, the sentence is about the one that decides the score.
    """
    score = sample.score
    if score.diagnosis is None:
        status = "Not scored" if score.status is Status.INVALID else "Failed"
        return f"{status}: {score.reason or 'no reason was recorded'}."
    clause = sample.decisive_clause
    sentence = explain_diagnosis(score.diagnosis, clause)
    if score.clauses:
        number = sample.prompt.clauses.index(clause) + 1
        sentence = f"Claim {number} of {len(score.clauses)} decides. {sentence}"
    losses = lost_points(score)
    if score.diagnosis is Diagnosis.CORRECT and losses and losses[0][1] > _WEAK:
        weakest, lost = losses[0]
        sentence += f' Its weakest part is "{PARTS[weakest][0].lower()}", {1 - 8 * lost:.2f} of 1.'
    if score.visited is False:
        sentence += " It does not visit every relation in between."
    if not math.isnan(score.held):
        sentence += f" The relation holds in {100 * score.held:.0f} % of the scored frames."
    if score.uncertain_frames:
        sentence += f" In {score.uncertain_frames} of {score.n_scored} scored frames it is not certain which is nearer."
    if score.compensated is False:
        sentence += " The motion of the camera was not removed."
    return sentence


def explain_certainty(sample: Sample) -> str:
    """Return a sentence about the certainty of a decision and the interval of the score; empty where it is unknown."""
    certainty = certainty_of(sample)
    if certainty is None:
        return ""
    word = "uncertain" if is_uncertain(sample) else "certain"
    sentence = (
        f"The decision is {word}: the probability that the video passes {HEADLINE_THRESHOLD} is "
        f"{100 * certainty.p_pass:.0f} %, and the score is between {certainty.low:.2f} and {certainty.high:.2f} with a "
        f"probability of 90 %."
    )
    if (certainty.p_pass >= 0.5) != sample.score.passes():
        sentence += " The boxes that are scored decide otherwise than most other boxes that are probable."
    return sentence


def explain_alternative(alternative: Alternative | None, prompt: Prompt) -> str:
    """Return a sentence about what else a video could show, with which the decision would be the other one.

    Args:
        alternative: Typical other tracks of the other decision; None where no box of such tracks is elsewhere.
        prompt: The prompt of the video.
    """
    if alternative is None:
        return (
            f"No other probable box is far from the scored ones: the score is close to {HEADLINE_THRESHOLD}, and small "
            f"differences of the boxes change the decision."
        )
    names = {Entity.SUBJECT: prompt.subject, Entity.OBJECT: prompt.object}
    places: dict[Entity, list[str]] = {}
    for displacement in alternative.displacements:
        place = f"{SIDES[displacement.side]} {SPANS[displacement.span]}"
        places.setdefault(displacement.entity, []).append(place)
    first, *others = [(names[entity], " and ".join(where)) for entity, where in places.items()]
    sentence = f"The {first[0]} could also be the one {first[1]}"
    sentence += "".join(f", and the {name} the one {where}" for name, where in others)
    return f"{sentence}; the score would then be {alternative.dsr_score:.2f}."


def lost_points(score: VideoScore) -> list[tuple[str, float]]:
    """Return the loss of points by each part of the score, largest first.

    The DSR-Score is (r_init + g_init + r_fin + g_fin) / 8 + 1/2 (dsr-score, section 3), so a part p costs (1 - p) / 8,
    in [0, 0.25], and the four losses add up to 1 - score.

    Args:
        score: Score of a video; the list is empty unless it is scored and has parts.

    >>> lost_points(VideoScore(Status.SCORED, "", 0.75, 1.0, 1.0, 0.0, 0.0))
    [('r_fin', 0.125), ('g_fin', 0.125), ('r_init', 0.0), ('g_init', 0.0)]
    """
    if score.status is not Status.SCORED or math.isnan(score.r_init):
        return []
    losses = [(part, (1 - float(getattr(score, part))) / 8) for part in PARTS]
    return sorted(losses, key=lambda item: -item[1])
