"""What is wrong with a suite: each rule a function from prompts to findings."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import re
from collections.abc import Callable, Iterator, Sequence

from dsrbench.errors import PromptError, near_matches
from dsrbench.prompts.compose import add_article
from dsrbench.prompts.grammar import parse_prompt
from dsrbench.prompts.nouns import tails
from dsrbench.prompts.suites import Suite
from dsrbench.prompts.vocabulary import (
    DIFFICULTIES,
    explain_implausible,
    find_verbs,
    load_vocabulary,
    rate_difficulty,
)
from dsrbench.prompts.wordings import read_verbs
from dsrbench.types import Prompt, Relation

SIX = ("LR", "RL", "LT", "RT", "TL", "TR")
"""The relation types of the paper (arXiv 2602.22745), among which a suite is balanced."""

RELATION_SLACK = 0.1
"""By which share of their mean the counts of two relation types may differ, or by one prompt."""

NOUN_FACTOR = 2.0
"""How many times the mean a noun may occur, and one prompt more."""

_ADJECTIVES = frozenset(
    "small little tiny big large huge old red blue green yellow orange brown black white gray wooden".split()  # noqa: SIM905
)
_FILLING = frozenset("a an the in on at of after by and".split())  # noqa: SIM905
_DASHING = frozenset("sprints dashes races gallops jogs swims flies leaps waddles slithers".split())  # noqa: SIM905
"""Motion verbs that fit few subjects, beside those of the vocabulary."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that is wrong, or that could not be checked.

    Attributes:
        rule: One of `RULES`.
        message: What, in one line.
        ids: The prompts it is about; empty where it is about the suite.
        is_error: Whether it breaks the rule; else it is a note.
    """

    rule: str
    message: str
    ids: tuple[str, ...] = ()
    is_error: bool = True


def lint_suite(suite: Suite, *, against: Sequence[Suite] = (), ignore: Sequence[str] = ()) -> list[Finding]:
    """Everything the rules find, rule by rule; of a prompt in several wordings, one is counted and all are read.

    Args:
        suite: Suite of any origin; nouns that the vocabulary does not have are not judged for plausibility.
        against: Suites that must share no (subject, object, scene) with it.
        ignore: Rules to leave out.

    Raises:
        PromptError: A rule to ignore is none.

    >>> from dsrbench.prompts import read_suite
    >>> lint_suite(read_suite("dsr-core-mini"))
    []
    """
    for name in ignore:
        if name not in RULES:
            raise PromptError(f"no rule {name!r}{near_matches(name, RULES)}")
    prompts = list({prompt.source_id: prompt for prompt in reversed(suite.prompts)}.values())[::-1]
    found = [
        finding
        for name, rule in RULES.items()
        if name not in ignore
        for finding in rule(suite.prompts if name in OF_TEXTS else prompts)
    ]
    if "split" not in ignore:
        found += [finding for other in against for finding in _find_shared(prompts, other)]
    return found


def _grammar(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """Every text reads back to its fields."""
    for prompt in prompts:
        try:
            read = parse_prompt(prompt.text)
        except PromptError as error:
            yield Finding("grammar", str(error).partition(" A sentence that works")[0], (prompt.id,))
            continue
        for name in ("subject", "object", "type", "scene"):
            said, meant = getattr(read, name), getattr(prompt, name)
            if said.casefold() != meant.casefold() and (meant or name != "scene"):
                yield Finding("grammar", f"the text reads as {name} {said!r}, the field says {meant!r}", (prompt.id,))


def _article(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """Articles as the next word sounds: a cat, an owl."""
    for prompt in prompts:
        for said, word in re.findall(r"\b(an?) (\w[\w'-]*)", prompt.text, re.IGNORECASE):
            wanted = add_article(word)
            if wanted.split()[0] != said.lower():
                yield Finding("article", f"{said} {word!r} should be {wanted!r}", (prompt.id,))


def _relations(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """Relation types of one kind equally often in each split; of left, right and top, all six."""
    for split, group in _splits(prompts).items():
        kinds: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        for prompt in group:
            kinds[_kind(prompt)][prompt.type] += 1
        for kind, counts in kinds.items():
            if kind == "two":
                counts.update(dict.fromkeys(SIX, 0))
            most, least = max(counts.values()), min(counts.values())
            if most - least > max(1, RELATION_SLACK * counts.total() / len(counts)):
                shown = ", ".join(f"{type_} {count}" for type_, count in counts.items())
                yield Finding("relations", f"{split}relation types are not equally frequent: {shown}")


def _kind(prompt: Prompt) -> str:
    """Types that are to be equally frequent: six of two relations, those with under or depth, chains."""
    if len(prompt.relations) > 2:
        return "chain"
    return "two" if set(prompt.relations) <= {Relation.LEFT, Relation.RIGHT, Relation.TOP} else "more"


def _nouns(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """No noun much more frequent than the others of its role, in each split."""
    for split, group in _splits(prompts).items():
        for role in ("subject", "object"):
            counts = collections.Counter(getattr(prompt, role).casefold() for prompt in group)
            limit = NOUN_FACTOR * len(group) / len(counts) + 1
            for noun, count in counts.items():
                if count > limit:
                    shown = f"{count} of {len(group)} prompts have the {role} {noun!r}, more than {limit:.0f}"
                    yield Finding("nouns", f"{split}{shown}")


def _plausible(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """What can stand on, fit under and be seen with what, and where."""
    for prompt in prompts:
        reason = explain_implausible(prompt.subject, prompt.object, prompt.relations, prompt.scene)
        if reason:
            yield Finding("plausible", reason, (prompt.id,))
    words = load_vocabulary()
    unknown = {p.subject for p in prompts if p.subject.casefold() not in words.subjects}
    unknown |= {p.object for p in prompts if p.object.casefold() not in words.objects}
    if unknown:
        some = ", ".join(sorted(unknown)[:5]) + (", ..." if len(unknown) > 5 else "")
        message = f"{len(unknown)} nouns are not in the vocabulary, what they can do is not checked: {some}"
        yield Finding("plausible", message, is_error=False)


def _verb(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """Motion verbs that fit the subject and where it goes."""
    words = load_vocabulary()
    for prompt in prompts:
        who = words.subjects.get(prompt.subject.casefold())
        if who is None:
            continue
        verbs = read_verbs(prompt)
        if verbs is not None:
            moves = itertools.pairwise(prompt.relations)
            said = [(verb, find_verbs(prompt.subject, *move)) for verb, move in zip(verbs, moves, strict=True)]
        else:
            fitting = [verb for verbs in who.verbs.values() for verb in verbs]
            said = [(verb, tuple(fitting)) for verb in re.findall(r"\w+", prompt.text.lower())]
        for verb, fit in said:
            first = verb.lower().split()[0]
            if first in words.verbs | _DASHING and first not in [other.split()[0] for other in fit]:
                hint = f"; it {' or '.join(dict.fromkeys(fit))}" if verbs is not None and fit else ""
                yield Finding("verb", f"{add_article(prompt.subject)} hardly {verb} there{hint}", (prompt.id,))


def _scene(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """No noun that names the scene."""
    words = load_vocabulary()
    places = {_stem(phrase.split()[-1]) for phrase in words.places if len(phrase.split()) <= 4}
    for prompt in prompts:
        named = {_stem(word) for word in re.findall(r"[\w-]+", prompt.scene.lower())} - _FILLING
        for noun in (prompt.subject, prompt.object):
            parts = [_stem(word) for word in noun.lower().split()]
            if parts[-1] in places or named.intersection(parts):
                yield Finding("scene", f"{noun!r} names the scene, or is part of its name", (prompt.id,))


def _duplicate(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """No two prompts of the same nouns, but for adjectives, and the same relations; no text twice."""
    seen: dict[object, Prompt] = {}
    for prompt in prompts:
        text = " ".join(re.findall(r"\w+", prompt.text.casefold()))
        keys: tuple[object, ...] = (text, (_bare(prompt.subject), _bare(prompt.object), prompt.relations))
        first = next((seen[key] for key in keys if key in seen), None)
        if first is not None:
            how = "has the text" if text in seen else "has the nouns and relations"
            yield Finding("duplicate", f"{how} of {first.id!r}", (prompt.id,))
        for key in keys:
            seen.setdefault(key, prompt)


def _split(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """No subject, object and scene in two splits."""
    seen: dict[tuple[str, ...], Prompt] = {}
    for prompt in prompts:
        first = seen.setdefault(_triple(prompt), prompt)
        if first.split != prompt.split:
            message = f"subject, object and scene are those of {first.id!r} in the split {first.split!r}"
            yield Finding("split", message, (prompt.id,))


def _find_shared(prompts: Sequence[Prompt], other: Suite) -> Iterator[Finding]:
    theirs = {_triple(prompt): prompt.id for prompt in other}
    for prompt in prompts:
        if _triple(prompt) in theirs:
            message = f"subject, object and scene are those of {theirs[_triple(prompt)]!r} in suite {other.name!r}"
            yield Finding("split", message, (prompt.id,))


def _difficulty(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """One difficulty tag each, the one of the rule."""
    tagged = [prompt for prompt in prompts if set(DIFFICULTIES) & set(prompt.tags)]
    if not tagged:
        message = f"no prompt has a difficulty tag ({', '.join(DIFFICULTIES)})"
        yield Finding("difficulty", message, is_error=False)
        return
    for prompt in prompts:
        wanted = rate_difficulty(prompt.subject, prompt.object, prompt.relations)
        has = [tag for tag in prompt.tags if tag in DIFFICULTIES]
        if has != [wanted]:
            yield Finding("difficulty", f"tagged {' and '.join(has) or 'nothing'}, by rule {wanted}", (prompt.id,))


RULES: dict[str, Callable[[Sequence[Prompt]], Iterator[Finding]]] = {
    "grammar": _grammar,
    "article": _article,
    "relations": _relations,
    "nouns": _nouns,
    "plausible": _plausible,
    "verb": _verb,
    "scene": _scene,
    "duplicate": _duplicate,
    "split": _split,
    "difficulty": _difficulty,
}
"""Every rule by name; the first line of its docstring says what it asks."""

OF_TEXTS = ("grammar", "article")
"""Rules that look at the text of every wording."""


def _splits(prompts: Sequence[Prompt]) -> dict[str, list[Prompt]]:
    """Prompts by split, keyed by how messages begin."""
    groups: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        groups.setdefault(f"{prompt.split}: " if prompt.split else "", []).append(prompt)
    return groups


def _triple(prompt: Prompt) -> tuple[str, str, str]:
    return prompt.subject.casefold(), prompt.object.casefold(), prompt.scene.casefold()


def _bare(noun: str) -> str:
    """The noun without adjectives, as far as they are known ones."""
    return next(t for t in tails(noun.casefold()) if t.split()[0] not in _ADJECTIVES or len(t.split()) == 1)


def _stem(word: str) -> str:
    return word.removesuffix("s")
