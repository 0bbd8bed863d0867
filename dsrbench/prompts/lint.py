"""Check a suite: each rule is a function from prompts to findings."""

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
from dsrbench.types import Kind, Prompt, Relation

SIX = ("LR", "RL", "LT", "RT", "TL", "TR")
"""The relation types of the paper (arXiv 2602.22745), among which a suite is balanced."""

RELATION_SLACK = 0.1
"""Maximum difference of the counts of two relation types, as a share of their mean; one prompt is always allowed."""

NOUN_FACTOR = 2.0
"""Maximum count of a noun, in times the mean count; one prompt more is always allowed."""

_ADJECTIVES = frozenset(
    "small little tiny big large huge old red blue green yellow orange brown black white gray wooden".split()  # noqa: SIM905
)
"""Adjectives that are ignored when nouns are compared."""
_FILLING = frozenset("a an the in on at of after by and".split())  # noqa: SIM905
"""Words of a scene that name no thing."""
_DASHING = frozenset("sprints dashes races gallops jogs swims flies leaps waddles slithers".split())  # noqa: SIM905
"""Motion verbs that fit few subjects, in addition to those of the vocabulary."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """A problem of a suite, or a note about what could not be checked.

    Attributes:
        rule: One of `RULES`.
        message: Description in one line.
        ids: Ids of the prompts it is about; empty if it is about the suite.
        is_error: Whether the rule is broken; otherwise the finding is a note.
    """

    rule: str
    message: str
    ids: tuple[str, ...] = ()
    is_error: bool = True


def lint_suite(suite: Suite, *, against: Sequence[Suite] = (), ignore: Sequence[str] = ()) -> list[Finding]:
    """Return all findings, rule by rule; a prompt in several wordings counts once, and all its texts are checked.

    Args:
        suite: Suite of any origin; nouns outside the vocabulary are not checked for plausibility.
        against: Suites that must have no (subject, object, scene) in common with this one.
        ignore: Rules to leave out.

    Raises:
        PromptError: There is no rule of a name to ignore.

    >>> from dsrbench.prompts import read_suite
    >>> lint_suite(read_suite("dsr-core-mini"))
    []
    """
    for name in ignore:
        if name not in RULES:
            raise PromptError(f"no rule {name!r}{near_matches(name, RULES)}")
    prompts = list({prompt.source_id: prompt for prompt in reversed(suite.prompts)}.values())[::-1]
    findings = [
        finding
        for name, rule in RULES.items()
        if name not in ignore
        for finding in rule(suite.prompts if name in OF_TEXTS else prompts)
    ]
    if "split" not in ignore:
        findings += [finding for other in against for finding in _find_shared(prompts, other)]
    return findings


def _grammar(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """Check that every text reads back to its fields."""
    for prompt in prompts:
        try:
            read = parse_prompt(prompt.text)
        except PromptError as error:
            yield Finding("grammar", str(error).partition(" A sentence that works")[0], (prompt.id,))
            continue
        for name in ("subject", "object", "type", "scene"):
            parsed, expected = getattr(read, name), getattr(prompt, name)
            if parsed.casefold() != expected.casefold() and (expected or name != "scene"):
                yield Finding(
                    "grammar", f"the text reads as {name} {parsed!r}, the field says {expected!r}", (prompt.id,)
                )


def _article(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """Check that articles match the sound of the next word: a cat, an owl."""
    for prompt in prompts:
        for article, word in re.findall(r"\b(an?) (\w[\w'-]*)", prompt.text, re.IGNORECASE):
            expected = add_article(word)
            if expected.split()[0] != article.lower():
                yield Finding("article", f"{article} {word!r} should be {expected!r}", (prompt.id,))


def _relations(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """Check that relation types of one kind are equally frequent in each split; of left, right and top, all six."""
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
    """Return the group of types that a type is balanced with.

    These are the six of the paper, those with "under", and chains; and of other kinds, those of as many relations.
    """
    if prompt.kind is not Kind.DYNAMIC:
        return f"{prompt.kind.value} of {len(prompt.relations)}"
    if len(prompt.relations) > 2:
        return "chain"
    return "two" if set(prompt.relations) <= {Relation.LEFT, Relation.RIGHT, Relation.TOP} else "more"


def _nouns(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """Check that no noun is much more frequent than the others of its role, in each split."""
    for split, group in _splits(prompts).items():
        for role in ("subject", "object"):
            counts = collections.Counter(getattr(p, role).casefold() for p in group if getattr(p, role))
            limit = NOUN_FACTOR * len(group) / max(1, len(counts)) + 1
            for noun, count in counts.items():
                if count > limit:
                    shown = f"{count} of {len(group)} prompts have the {role} {noun!r}, more than {limit:.0f}"
                    yield Finding("nouns", f"{split}{shown}")


def _plausible(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """Check that the subject can be on, under and near the object, in the scene."""
    for prompt in prompts:
        reason = explain_implausible(prompt.subject, prompt.object, prompt.relations, prompt.scene)
        if reason:
            yield Finding("plausible", reason, (prompt.id,))
    words = load_vocabulary()
    unknown = {p.subject for p in prompts if p.subject.casefold() not in words.subjects}
    unknown |= {p.object for p in prompts if p.object and p.object.casefold() not in words.objects}
    if unknown:
        some = ", ".join(sorted(unknown)[:5]) + (", ..." if len(unknown) > 5 else "")
        message = f"{len(unknown)} nouns are not in the vocabulary, what they can do is not checked: {some}"
        yield Finding("plausible", message, is_error=False)


def _verb(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """Check that motion verbs fit the subject and its way."""
    words = load_vocabulary()
    for prompt in prompts:
        who = words.subjects.get(prompt.subject.casefold())
        if who is None:
            continue
        verbs = read_verbs(prompt) if prompt.kind is not Kind.MOTION else None
        if verbs is not None:
            moves = itertools.pairwise(prompt.relations)
            fitting_verbs = [(verb, find_verbs(prompt.subject, *move)) for verb, move in zip(verbs, moves, strict=True)]
        else:
            fitting = [verb for verbs in who.verbs.values() for verb in verbs]
            fitting_verbs = [(verb, tuple(fitting)) for verb in re.findall(r"\w+", prompt.text.lower())]
        for verb, fit in fitting_verbs:
            first = verb.lower().split()[0]
            if first in words.verbs | _DASHING and first not in [other.split()[0] for other in fit]:
                hint = f"; it {' or '.join(dict.fromkeys(fit))}" if verbs is not None and fit else ""
                yield Finding("verb", f"{add_article(prompt.subject)} hardly {verb} there{hint}", (prompt.id,))


def _scene(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """Check that no noun names the scene."""
    words = load_vocabulary()
    places = {_stem(phrase.split()[-1]) for phrase in words.places if len(phrase.split()) <= 4}
    for prompt in prompts:
        named = {_stem(word) for word in re.findall(r"[\w-]+", prompt.scene.lower())} - _FILLING
        for noun in prompt.nouns:
            parts = [_stem(word) for word in noun.lower().split()]
            if parts[-1] in places or named.intersection(parts):
                yield Finding("scene", f"{noun!r} names the scene, or is part of its name", (prompt.id,))


def _duplicate(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """Check that no two prompts share nouns (without adjectives) and relations, and that no text occurs twice."""
    seen: dict[object, Prompt] = {}
    for prompt in prompts:
        text = " ".join(re.findall(r"\w+", prompt.text.casefold()))
        keys: tuple[object, ...] = (text, (_bare(prompt.subject), _bare(prompt.object), prompt.type))
        first = next((seen[key] for key in keys if key in seen), None)
        if first is not None:
            how = "has the text" if text in seen else "has the nouns and relations"
            yield Finding("duplicate", f"{how} of {first.id!r}", (prompt.id,))
        for key in keys:
            seen.setdefault(key, prompt)


def _split(prompts: Sequence[Prompt]) -> Iterator[Finding]:
    """Check that no subject, object and scene occur together in two splits."""
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
    """Check that each prompt has one difficulty tag, that of the rule."""
    tagged = [prompt for prompt in prompts if set(DIFFICULTIES) & set(prompt.tags)]
    if not tagged:
        message = f"no prompt has a difficulty tag ({', '.join(DIFFICULTIES)})"
        yield Finding("difficulty", message, is_error=False)
        return
    for prompt in prompts:
        expected = rate_difficulty(prompt.subject, prompt.object, prompt.relations)
        has = [tag for tag in prompt.tags if tag in DIFFICULTIES]
        if has != [expected]:
            yield Finding("difficulty", f"tagged {' and '.join(has) or 'nothing'}, by rule {expected}", (prompt.id,))


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
"""All rules, by name; the first line of a rule's docstring describes it."""

OF_TEXTS = ("grammar", "article")
"""Names of the rules that check the text of every wording."""


def _splits(prompts: Sequence[Prompt]) -> dict[str, list[Prompt]]:
    """Group prompts by split, keyed by the start of the messages about it."""
    groups: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        groups.setdefault(f"{prompt.split}: " if prompt.split else "", []).append(prompt)
    return groups


def _triple(prompt: Prompt) -> tuple[str, str, str]:
    return prompt.subject.casefold(), prompt.object.casefold(), prompt.scene.casefold()


def _bare(noun: str) -> str:
    """Return the noun without its known adjectives."""
    return next((t for t in tails(noun.casefold()) if t.split()[0] not in _ADJECTIVES or len(t.split()) == 1), "")


def _stem(word: str) -> str:
    return word.removesuffix("s")
