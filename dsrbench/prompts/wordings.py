"""Wordings: the same prompt in other words, written by rule; the grammar reads each back to the same fields.

A prompt in another wording is a separate prompt `ID~NAME` with the tag `wording:NAME`. Its `Prompt.source_id` is the id
of the original prompt, by which results over several wordings are clustered.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence

from dsrbench.errors import PromptError, near_matches
from dsrbench.prompts.compose import add_article
from dsrbench.prompts.grammar import parse_prompt
from dsrbench.prompts.phrases import FINAL_PHRASES, INITIAL_PHRASES, MOTION_PHRASES
from dsrbench.prompts.suites import Suite
from dsrbench.prompts.vocabulary import load_vocabulary
from dsrbench.types import DEFAULT_WORDING, Direction, Prompt, Relation

_OF_ONE_CLAIM = ("scene-last", "definite", "sides")
"""Wordings of prompts with one relation throughout or a motion, besides the default."""

_WARDS = {
    Direction.LEFT: "leftwards",
    Direction.RIGHT: "rightwards",
    Direction.UP: "up",
    Direction.DOWN: "down",
}
_SIDES = {Relation.LEFT: "left side of", Relation.RIGHT: "right side of"}


def write_wording(prompt: Prompt, name: str) -> str:
    """Write the text of a prompt in another wording; if the prompt's verbs are unknown, the subject "moves".

    Args:
        prompt: A prompt in any wording.
        name: One of `WORDINGS`.

    Raises:
        PromptError: There is no such wording, or the grammar would read the text as another prompt.

    >>> prompt = parse_prompt("In a park, a cat is on the left of a box, then the cat leaps to the top of the box.")
    >>> write_wording(prompt, "pronoun")
    'In a park, a cat is on the left of a box, then it leaps to the top of it.'
    >>> write_wording(prompt, "states")
    'In a park, at first a cat is on the left of a box, and in the end the cat is on the top of the box.'
    """
    if name not in WORDINGS:
        raise PromptError(f"no wording {name!r}{near_matches(name, WORDINGS)}")
    if name == DEFAULT_WORDING:
        return prompt.text
    if name not in (known := list_wordings(prompt)):
        raise PromptError(f"prompt {prompt.id!r} has no wording {name!r}; it has {', '.join(known)}")
    text = WORDINGS[name](prompt)
    try:
        read = parse_prompt(text)
    except PromptError as error:
        raise PromptError(f"prompt {prompt.id!r} has no wording {name!r}: {error}") from None
    if _meaning(read) != _meaning(prompt):
        raise PromptError(f"prompt {prompt.id!r} has no wording {name!r}: {text!r} would be read otherwise than meant")
    return text


def list_wordings(prompt: Prompt) -> list[str]:
    """Return the names of the wordings that prompts of this kind have.

    >>> list_wordings(parse_prompt("A dog runs to the left."))
    ['default', 'scene-last', 'definite', 'sides']
    """
    if prompt.further:
        return [DEFAULT_WORDING]
    return list(WORDINGS) if len(prompt.relations) > 1 else [DEFAULT_WORDING, *_OF_ONE_CLAIM]


def expand_wordings(suite: Suite, names: Sequence[str]) -> Suite:
    """Return a suite with every prompt in each of the wordings that it has; the default one keeps its id.

    Raises:
        PromptError: A wording cannot be written (see `write_wording`), a prompt has none of the wordings, or the suite
            has wordings already.

    >>> from dsrbench.prompts import read_suite
    >>> suite = expand_wordings(read_suite("sprites"), ["default", "definite"])
    >>> suite.name, len(suite), suite.prompts[1].id
    ('sprites~default+definite', 120, 'cat-ball-rl~definite')
    """
    if list(names) == [DEFAULT_WORDING]:
        return suite
    if worded := next((prompt for prompt in suite if prompt.wording), None):
        raise PromptError(f"suite {suite.name!r} is in several wordings already, such as prompt {worded.id!r}")
    shown = names if len(names) < 3 else [str(list(WORDINGS).index(name)) for name in names]
    joined = "all" if set(names) == set(WORDINGS) else "+".join(shown)
    prompts = tuple(_reword(prompt, name) for prompt in suite for name in _choose(prompt, names))
    return Suite(f"{suite.name}~{joined}", suite.version, prompts)


def parse_wordings(text: str) -> list[str]:
    """Parse `all`, names or numbers separated by commas, or a range such as `0..2` into names of wordings.

    Raises:
        PromptError: The text has another form.

    >>> parse_wordings("0..2"), parse_wordings("pronoun")
    (['default', 'scene-last', 'definite'], ['pronoun'])
    """
    names = list(WORDINGS)
    if text == "all":
        return names
    numbers = re.fullmatch(r"(\d{1,3})\.\.(\d{1,3})", text)
    parts = (
        list(map(str, range(int(numbers[1]), int(numbers[2]) + 1))) if numbers else [p.strip() for p in text.split(",")]
    )
    selected = [names[int(p)] if p.isdecimal() and int(p) < len(names) else p for p in parts]
    for name in selected:
        if name not in names:
            raise PromptError(
                f"no wording {name!r}{near_matches(name, names)}; or all, or numbers from 0 to {len(names) - 1}"
            )
    if not selected or len(set(selected)) < len(selected):
        raise PromptError(f"expected wordings such as all, {names[1]} or 0..2, each once; got {text!r}")
    return selected


def read_verbs(prompt: Prompt) -> list[str] | None:
    """Return the verbs of a canonical sentence, one for each move; None for other wordings.

    >>> read_verbs(parse_prompt("A cat is under a box, then the cat climbs down to the left of the box."))
    ['climbs down']
    """
    subject, object = re.escape(prompt.subject), re.escape(prompt.object)
    moves = "".join(
        rf", then the {subject} (\w+(?: \w+)?) {FINAL_PHRASES[relation]} the {object}"
        for relation in prompt.relations[1:]
    )
    match = re.search(rf"{moves}\.$", prompt.text, re.IGNORECASE)
    return list(match.groups()) if match else None


def _choose(prompt: Prompt, names: Sequence[str]) -> Sequence[str]:
    """Return those of the wordings that a prompt has, or all of them where it has none."""
    known = list_wordings(prompt)
    return [name for name in names if name in known] or names


def _meaning(prompt: Prompt) -> tuple[str, str, str, str]:
    return prompt.subject.casefold(), prompt.object.casefold(), prompt.type, prompt.scene.casefold()


def _reword(prompt: Prompt, name: str) -> Prompt:
    tags = (*prompt.tags, f"wording:{name}")
    if name == DEFAULT_WORDING:
        return dataclasses.replace(prompt, tags=tags)
    return dataclasses.replace(prompt, id=f"{prompt.id}~{name}", text=write_wording(prompt, name), tags=tags)


def _moves(prompt: Prompt) -> Iterator[tuple[str, Relation]]:
    """Yield each verb with the relation it leads to."""
    verbs = read_verbs(prompt) or ["moves"] * (len(prompt.relations) - 1)
    return zip(verbs, prompt.relations[1:], strict=True)


def _motion_verb(prompt: Prompt, direction: Direction) -> str:
    """Return the verb of a canonical sentence of a motion; "moves" for other wordings."""
    pattern = rf"\b{re.escape(prompt.subject)} (\w+(?: \w+)?) {MOTION_PHRASES[direction]}\.$"
    match = re.search(pattern, prompt.text, re.IGNORECASE)
    return match[1] if match else "moves"


def _place(prompt: Prompt, sentence: str) -> str:
    """Return the sentence after the scene, or alone if there is none."""
    return f"{prompt.scene}, {sentence}." if prompt.scene else f"{sentence[0].upper()}{sentence[1:]}."


def _start(prompt: Prompt, *, definite: bool = False) -> str:
    subject, object = (f"the {n}" if definite else add_article(n) for n in (prompt.subject, prompt.object))
    if (direction := prompt.direction) is not None:
        return f"{subject} {_motion_verb(prompt, direction)} {MOTION_PHRASES[direction]}"
    return f"{subject} is {INITIAL_PHRASES[prompt.relations[0]]} {object}"


def _then(prompt: Prompt) -> str:
    moves = (f"{verb} {FINAL_PHRASES[relation]}" for verb, relation in _moves(prompt))
    return "".join(f", then the {prompt.subject} {move} the {prompt.object}" for move in moves)


def _scene_last(prompt: Prompt) -> str:
    sentence = _start(prompt) + _then(prompt)
    scene = f", {prompt.scene[0].lower()}{prompt.scene[1:]}" if prompt.scene else ""
    return f"{sentence[0].upper()}{sentence[1:]}{scene}."


def _definite(prompt: Prompt) -> str:
    return _place(prompt, _start(prompt, definite=True) + _then(prompt))


def _pronoun(prompt: Prompt) -> str:
    subject = load_vocabulary().subjects.get(prompt.subject.casefold())
    it = subject.pronoun if subject is not None else "it"
    moves = "".join(f", then {it} {verb} {FINAL_PHRASES[relation]} it" for verb, relation in _moves(prompt))
    return _place(prompt, _start(prompt) + moves)


def _sides(prompt: Prompt) -> str:
    subject, object = add_article(prompt.subject), add_article(prompt.object)
    if (direction := prompt.direction) is not None:
        return _place(prompt, f"{subject} {_motion_verb(prompt, direction)} {_WARDS[direction]}")
    first, *_ = prompt.relations
    sentence = f"{subject} is {'on the ' if first in _SIDES else ''}{_SIDES.get(first, _atop(first))} {object}"
    for verb, relation in _moves(prompt):
        phrase = f"to the {_SIDES[relation]}" if relation in _SIDES else _atop(relation, moving=True)
        sentence += f" and then {verb} {phrase} the {prompt.object}"
    return _place(prompt, sentence)


def _atop(relation: Relation, *, moving: bool = False) -> str:
    words = {Relation.TOP: "onto" if moving else "on top of", Relation.UNDER: "underneath"}
    return words.get(relation, FINAL_PHRASES[relation] if moving else INITIAL_PHRASES[relation])


def _sentences(prompt: Prompt) -> str:
    text = _place(prompt, _start(prompt))
    for verb, relation in _moves(prompt):
        text += f" Then the {prompt.subject} {verb} {FINAL_PHRASES[relation]} the {prompt.object}."
    return text


def _states(prompt: Prompt) -> str:
    sentence = f"at first {_start(prompt)}"
    *between, last = prompt.relations[1:]
    for relation in between:
        sentence += f", then the {prompt.subject} is {INITIAL_PHRASES[relation]} the {prompt.object}"
    return _place(
        prompt, f"{sentence}, and in the end the {prompt.subject} is {INITIAL_PHRASES[last]} the {prompt.object}"
    )


WORDINGS: dict[str, Callable[[Prompt], str]] = {
    DEFAULT_WORDING: lambda prompt: prompt.text,
    "scene-last": _scene_last,
    "definite": _definite,
    "sentences": _sentences,
    "pronoun": _pronoun,
    "sides": _sides,
    "states": _states,
}
"""Rule of each wording, by name, in the order of their numbers; the first is the prompt's own text."""
