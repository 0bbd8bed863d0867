"""Build suites from recipes: plausible prompts, balanced over relations, nouns and scenes, reproducible by seed.

For each prompt, every plausible (subject, object) pair has a weight: how often its nouns were used so far, alone and
with the relation. A pair of the smallest weight is drawn at random. Scene and verb are chosen in the same way.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from dsrbench.errors import PromptError
from dsrbench.prompts.compose import compose_motion, compose_text
from dsrbench.prompts.recipe import Part, Recipe
from dsrbench.prompts.suites import Suite, read_suite
from dsrbench.prompts.vocabulary import (
    explain_implausible,
    find_motion_verbs,
    find_verbs,
    load_vocabulary,
    rate_difficulty,
)
from dsrbench.prompts.wordings import write_wording
from dsrbench.types import Direction, Prompt, Relation

Pair = tuple[str, str]
"""A subject and an object."""
Chain = tuple[Relation, ...]
"""Relations in time order."""


def build_suite(recipe: Recipe) -> Suite:
    """Build the suite of a recipe; the same recipe gives the same prompts.

    Raises:
        PromptError: The vocabulary has too few plausible combinations, or there is no suite that the recipe names.
    """
    if recipe.of:
        return Suite(recipe.suite, recipe.version, _select(read_suite(recipe.of), recipe.size, recipe.seed))
    taken = {(p.subject, p.object) for name in recipe.apart_from for p in read_suite(name)}
    builder = _Builder(random.Random(recipe.seed), taken)
    prompts = [prompt for part in recipe.parts for prompt in builder.build(part)]
    return Suite(recipe.suite, recipe.version, tuple(prompts))


class _Builder:
    """Drawer of prompts that counts the words used so far.

    Args:
        rng: Random generator that breaks ties.
        taken: Pairs of other suites, which are not used.
    """

    def __init__(self, rng: random.Random, taken: Iterable[Pair]) -> None:
        self._rng = rng
        self._split: dict[Pair, str] = dict.fromkeys(taken, "another suite")
        self._said: set[tuple[Pair, Chain | Direction]] = set()
        self._counts: defaultdict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)

    def build(self, part: Part) -> Iterator[Prompt]:
        """Yield the prompts of a part, one type after the other in turn."""
        self._used = self._counts[part.split]
        types = itertools.islice(itertools.cycle(part.relations), part.size)
        for codes in types:
            yield (
                self._build_motion(Direction(codes), part) if codes.startswith(">") else self._build_chain(codes, part)
            )

    def _build_chain(self, codes: str, part: Part) -> Prompt:
        chain = Relation.chain(codes)
        free = [
            pair
            for pair in _plausible_pairs(chain, common=part.common)
            if self._split.get(pair, part.split) == part.split and (pair, chain) not in self._said
        ]
        if not free:
            raise PromptError(f"the vocabulary has no more plausible pairs for {part.split} prompts of {codes}")
        return self._make(self._lightest(free, codes=chain), chain, part)

    def _build_motion(self, direction: Direction, part: Part) -> Prompt:
        """Make a prompt of a motion, with the subject that was used least."""
        words = load_vocabulary()
        free = [
            noun
            for noun, facts in words.subjects.items()
            if (facts.is_common or not part.common)
            and find_motion_verbs(noun, direction)
            and ((noun, ""), direction) not in self._said
        ]
        if not free:
            raise PromptError(f"the vocabulary has no more subjects for {part.split} prompts of {direction.value}")
        subject = self._least_used("subject", free, direction.value)
        self._said.add(((subject, ""), direction))
        named = set(subject.split())
        places = sorted(words.subjects[subject].places)
        scenes = [s for place in places for s in words.scenes[place] if not named & set(s.lower().split())]
        scene = self._least_used("scene", scenes, subject)
        verb = self._least_used("verb", find_motion_verbs(subject, direction), subject)
        for kind, word, context in (
            ("subject", subject, direction.value),
            ("scene", scene, subject),
            ("verb", verb, subject),
        ):
            self._used.update([(kind, word), (kind, word, context)])
        return Prompt(
            id=f"{subject}-{direction.name.lower()}".replace(" ", "-"),
            text=compose_motion(subject=subject, direction=direction, scene=scene, verb=verb),
            subject=subject,
            object="",
            relations=(),
            scene=scene,
            split=part.split,
            tags=("easy", *part.tags),
            direction=direction,
        )

    def _lightest(self, pairs: Iterable[Pair], *, codes: Chain) -> Pair:
        """Return the pair whose nouns were used least."""
        used, type_ = self._used, "".join(codes)

        def weight(pair: Pair) -> float:
            subject, object = pair
            alone = used["subject", subject] ** 2 + used["object", object] ** 2 + used["pair", subject, object] ** 2
            return alone + used["subject", subject, type_] + used["object", object, type_] + self._rng.random()

        return min(pairs, key=weight)

    def _least_used(self, kind: str, choices: Iterable[str], context: str) -> str:
        return min(
            choices,
            key=lambda c: 2 * self._used[kind, c] + 3 * self._used[kind, c, context] + self._rng.random(),
        )

    def _make(self, pair: Pair, chain: Chain, part: Part) -> Prompt:
        subject, object = pair
        self._split[pair] = part.split
        self._said.add((pair, chain))
        scene = self._least_used("scene", _scenes(pair, chain), subject)
        verbs = [
            self._least_used("verb", find_verbs(subject, before, after), subject)
            for before, after in itertools.pairwise(chain)
        ]
        type_ = "".join(chain)
        self._used.update([("subject", subject), ("object", object), ("pair", subject, object), ("scene", scene)])
        self._used.update([("subject", subject, type_), ("object", object, type_), ("scene", scene, subject)])
        self._used.update([*(("verb", verb) for verb in verbs), *(("verb", verb, subject) for verb in verbs)])
        prompt = Prompt(
            id=f"{subject}-{object}-{type_.lower()}".replace(" ", "-"),
            text=compose_text(subject=subject, object=object, relations=chain, scene=scene, verb=verbs),
            subject=subject,
            object=object,
            relations=chain,
            scene=scene,
            split=part.split,
            tags=(rate_difficulty(subject, object, chain), *part.tags),
        )
        return dataclasses.replace(prompt, text=write_wording(prompt, part.wording))


@functools.cache
def _plausible_pairs(chain: Chain, *, common: bool) -> list[Pair]:
    words = load_vocabulary()
    return [
        (subject, object)
        for (subject, who), (object, what) in itertools.product(words.subjects.items(), words.objects.items())
        if ((who.is_common and what.is_common) or not common)
        and not explain_implausible(subject, object, chain)
        and all(find_verbs(subject, *step) for step in itertools.pairwise(chain))
        and _scenes((subject, object), chain)
    ]


def _scenes(pair: Pair, chain: Chain) -> list[str]:
    """Return the scenes for a pair, except those that name one of its nouns."""
    words, vocabulary = {word for noun in pair for word in noun.split()}, load_vocabulary()
    both = vocabulary.subjects[pair[0]].places & vocabulary.objects[pair[1]].places
    phrases = (phrase for place, phrases in vocabulary.scenes.items() if place in both for phrase in phrases)
    return [s for s in phrases if not words & set(s.lower().split()) and not explain_implausible(*pair, chain, s)]


def _select(suite: Suite, size: int, seed: int) -> tuple[Prompt, ...]:
    """Select prompts in the suite's order: relation types in turn, of each the prompt whose nouns were used least."""
    rng = random.Random(seed)
    used: Counter[str] = Counter()
    left = list(suite)
    types = list(dict.fromkeys(prompt.type for prompt in left))
    if size > len(left):
        raise PromptError(f"suite {suite.name!r} has {len(left)} prompts, fewer than the {size} asked for")
    chosen: set[str] = set()
    for type_ in itertools.cycle(types):
        if len(chosen) == size:
            break
        of_type = [prompt for prompt in left if prompt.type == type_]
        if of_type:
            best = min(of_type, key=lambda p: used[p.subject] + used[p.object] + used[p.scene] + rng.random())
            used.update((best.subject, best.object, best.scene))
            left.remove(best)
            chosen.add(best.id)
    return tuple(prompt for prompt in suite if prompt.id in chosen)
