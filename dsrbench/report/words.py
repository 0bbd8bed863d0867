"""Diagnoses, score parts and reasons in words, for all pages, tables and commands."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dsrbench.analysis.alternatives import Alternative, Entity, Side, Span
from dsrbench.analysis.certainty import certainty_of, is_uncertain
from dsrbench.store import Sample
from dsrbench.types import HEADLINE_THRESHOLD, Diagnosis, Prompt, Relation, Status, VideoScore

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
"""Sentences about a prompt by diagnosis; the rules are in `dsrbench.metric.diagnosis`."""

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


def describe_relations(prompt: Prompt) -> str:
    """Return the relations and the object of a prompt in words.

    >>> describe_relations(Prompt("p", "...", "cat", "box", Relation.chain("LTR")))
    'left of, then on top of, then right of the box'
    """
    return ", then ".join(RELATIONS[relation] for relation in prompt.relations) + f" the {prompt.object}"


def explain_diagnosis(diagnosis: Diagnosis, prompt: Prompt) -> str:
    """Return a sentence about a video with a diagnosis.

    >>> explain_diagnosis(Diagnosis.REVERSED, Prompt("p", "...", "cat", "box", Relation.chain("LR")))
    'It runs backwards: the cat starts right of the box and ends left of it.'
    """
    return MEANINGS[diagnosis].format(
        subject=prompt.subject,
        object=prompt.object,
        initial=RELATIONS[prompt.relations[0]],
        final=RELATIONS[prompt.relations[-1]],
    )


def explain_sample(sample: Sample) -> str:
    """Return a sentence about a sample: its diagnosis, or the reason for a missing score."""
    score = sample.score
    if score.diagnosis is None:
        status = "Not scored" if score.status is Status.INVALID else "Failed"
        return f"{status}: {score.reason or 'no reason was recorded'}."
    sentence = explain_diagnosis(score.diagnosis, sample.prompt)
    weakest, lost = lost_points(score)[0]
    if score.diagnosis is Diagnosis.CORRECT and lost > _WEAK:
        sentence += f' Its weakest part is "{PARTS[weakest][0].lower()}", {1 - 8 * lost:.2f} of 1.'
    if score.visited is False:
        sentence += " It does not visit every relation in between."
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
        score: Score of a video; the list is empty unless it is scored.

    >>> lost_points(VideoScore(Status.SCORED, "", 0.75, 1.0, 1.0, 0.0, 0.0))
    [('r_fin', 0.125), ('g_fin', 0.125), ('r_init', 0.0), ('g_init', 0.0)]
    """
    if score.status is not Status.SCORED:
        return []
    losses = [(part, (1 - float(getattr(score, part))) / 8) for part in PARTS]
    return sorted(losses, key=lambda item: -item[1])
