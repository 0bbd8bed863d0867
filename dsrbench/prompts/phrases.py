"""Words and patterns of the grammar that `dsrbench.prompts.reader` reads."""

from __future__ import annotations

import re

from dsrbench.types import Direction, Relation

EXAMPLE = "In a sunlit office, a cat is on the left of a chair, then the cat walks to the right of the chair."
"""A sentence of the canonical form, shown in errors."""

STATIC_EXAMPLE = "A kite flies above a house."
"""A sentence of one relation throughout, shown in errors."""

MOTION_EXAMPLE = "A dog runs from left to right."
"""A sentence of a motion, shown in errors."""

INITIAL_PHRASES = {
    Relation.LEFT: "on the left of",
    Relation.RIGHT: "on the right of",
    Relation.TOP: "on the top of",
    Relation.UNDER: "under",
    Relation.FRONT: "in front of",
    Relation.BEHIND: "behind",
}
"""Phrase of each relation in the first clause of the canonical sentence."""

FINAL_PHRASES = {
    Relation.LEFT: "to the left of",
    Relation.RIGHT: "to the right of",
    Relation.TOP: "to the top of",
    Relation.UNDER: "under",
    Relation.FRONT: "to the front of",
    Relation.BEHIND: "behind",
}
"""Phrase of each relation in the later clauses of the canonical sentence."""

MOTION_PHRASES = {
    Direction.LEFT: "to the left",
    Direction.RIGHT: "to the right",
    Direction.UP: "upwards",
    Direction.DOWN: "downwards",
}
"""Phrase of each direction in the canonical sentence of a motion."""

AN_BEFORE_CONSONANT = ("hour", "heir", "honest", "honor", "honour", "x-ray", "mri", "suv", "led")
A_BEFORE_VOWEL = ("uni", "use", "usu", "ute", "eu", "ewe", "one", "once", "ufo", "uk")
"""First letters of words whose article follows the sound, not the letter."""
AN_IN_SPITE = ("unim", "unin", "unid")
"""First letters of words with "an" although they match `A_BEFORE_VOWEL`."""


def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLE = r"(?:a|an|the|one|this|that)\b "
"""Words that begin a noun phrase."""
_TO = r"(?:(?:from|on|onto|to|at|in|by|towards?) )?"
_SIDE = r"(?:(?:far|immediate|very) )?{word}(?:-hand| hand)?(?: side| edge)?"

_PLACES = {
    Relation.LEFT: rf"{_TO}(?:the )?{_SIDE.format(word='left')} of",
    Relation.RIGHT: rf"{_TO}(?:the )?{_SIDE.format(word='right')} of",
    Relation.TOP: rf"{_TO}(?:the )?(?:very )?top(?: side)? of|(?:from |to )?(?:atop(?: of)?|above|onto|upon|on)",
    Relation.UNDER: r"(?:from |to )?(?:under|underneath|below|beneath)|(?:on|to|from|at) the (?:underside|bottom) of",
    Relation.FRONT: rf"(?:from )?in front of|{_TO}(?:the )?front(?: side)? of",
    Relation.BEHIND: rf"(?:from |to )?behind|{_TO}(?:the )?(?:back|rear)(?: side)? of|in back of",
}
PLACES = tuple((relation, _pattern(rf"(?:{pattern}) ")) for relation, pattern in _PLACES.items())
"""Each relation with its phrases, up to the article or pronoun of the object."""

SIDES = {
    "left": Relation.LEFT,
    "right": Relation.RIGHT,
    "top": Relation.TOP,
    "front": Relation.FRONT,
    "back": Relation.BEHIND,
    "rear": Relation.BEHIND,
}
"""Relation of each side of an object."""
BESIDE = _pattern(r"(?:beside|next to|alongside|adjacent to|near|by) ")
"""Phrases before an object whose side follows: "next to a chair on its left"."""
ON_SIDE = _pattern(r",? (?:on|to|at) (?:the|its) (?P<side>left|right)(?:-hand| hand)?(?: side)?\b(?: of it\b)?")
"""Side after `BESIDE` and the object."""
ITS_SIDE = _pattern(
    rf"{_TO}its (?:very )?(?P<side>left|right|top|front|(?<!on its )(?<!onto its )back|rear)"
    r"(?:-hand| hand)?(?: side)?\b(?! of\b)"
)
"""Relation to "it": "to its left"."""
OWN_SIDE = _pattern(r"(?:'s|') (?P<side>left|right|top|front)(?:-hand| hand)?(?: side)?\b(?! of\b)")
"""Side after the object: "the chair's left"."""
OWN_SIDE_LEAD = _pattern(_TO)
"""Optional preposition before the object of `OWN_SIDE`."""
FROM_SIDE = _pattern(r"from (?:the )?(?P<side>left|right|top|front|back)(?: side)?(?= (?:to|towards?|onto)\b)")
"""Side where a move starts, before its end: "from the left to the top of it"."""
BARE = tuple(
    (relation, _pattern(rf"(?:{pattern})(?=\s*(?:$|[,.;:!]|(?:and|then|before)\b))"))
    for relation, pattern in {
        Relation.LEFT: r"(?:on|to|onto) the left(?:-hand| hand)? side",
        Relation.RIGHT: r"(?:on|to|onto) the right(?:-hand| hand)? side",
        Relation.TOP: r"on top|(?:on|to|onto) the top",
        Relation.UNDER: r"underneath|beneath|below",
        Relation.FRONT: r"in front",
        Relation.BEHIND: r"behind",
    }.items()
)
"""Phrases of later clauses that leave the object out: "then it jumps on top"."""

_NO_NOUN = sorted(
    _words(
        "a an the one this that these those it its itself they them their he she his her him which who whose is are "
        "was were be been being in on at to of from by with near under over above below beneath underneath behind "
        "beside inside outside onto into upon atop off through across along around towards toward within without while "
        "as before after until then and or but not left right"
    )
)
WORD = rf"(?!(?:{'|'.join(_NO_NOUN)})\b(?!-))(?:(?:st|mt|dr|mr|mrs|jr)\.|[^\W_][\w&-]*(?:'(?!s )\w+)*)"
"""A word of a noun phrase: none of `_NO_NOUN`, or such a word with a hyphen."""
NOUN = _pattern(rf"{WORD}(?: {WORD}){{0,5}}(?: of {WORD}(?: {WORD}){{0,2}})?")
"""A noun phrase without its article: one to six words, optionally with "of" and one to three more."""
NO_HEAD = _words("top front back rear side bottom edge middle center centre")
"""Words that, alone or before "of", belong to a relation and are no noun."""
NO_NOUN_END = _pattern(r"made|full|\w{2,}(?:ing|ed|ly)")
"""Last words of a phrase that are a participle or an adverb, except those of `NOUN_END`."""
NOUN_END = _pattern(
    r"(?:build|paint|draw|rail|ceil|awn|cloth|dwell|th|k)ing|\w*(?:duckling|gosling|ring|swing|wing)|"
    r"\w*(?:bed|shed|sled|seed|weed|reed|steed)|\w*fly|lily|jelly|belly|doily|family|assembly|lolly|dolly|holly"
)
"""Words like those of `NO_NOUN_END` that are nouns."""

TO_BE = _words("is are was were")
"""Forms of "to be", which end the subject."""
FINITE = _words(
    "sits sat stands stood lies lay lays rests rested waits stays starts started begins began appears perches crouches "
    "sleeps hovers floats remains hides naps moves walks runs jumps hops climbs goes travels leaps crawls trots flies "
    "rolls slides swims swings drifts steps wanders strolls shifts relocates"
)
"""Verbs that end the subject."""
PARTICIPLES = _words("sitting standing lying resting waiting located positioned placed seated perched")
"""Participles that end the subject."""
NEGATIVE = _pattern(r"(?:not|never|no|without|neither|nor|instead of)\b|\w+n't\b")
"""Words that negate a relation."""
IN_RELATION = _words(
    "left right top front behind under above below beneath underneath atop then everything something nothing"
)
"""Words that may not stand between a verb and its relation."""

PRONOUN = _pattern(r"(?:it|he|she|they)\b(?!')|the (?:animal|creature|same animal)\b")
"""Pronouns for the subject."""
OBJECT_PRONOUN = _pattern(r"(?:it\b(?!')|the (?:object|item|same spot)\b)")
"""Pronouns for the object."""
ELLIPSIS = _pattern(
    r"(?:\w+(?:s|ed|ing|ly)|ran|went|leapt|sat|swam|flew|crept|came|back|up|down|over|to|on|onto|from|under|behind|"
    r"underneath|beneath|below|in|atop|towards?)\b(?<!everything)(?<!something)(?<!nothing)(?<!anything)(?<!its)(?<!his)"
)
"""First words of a clause without a subject: a verb, an adverb, or the relation itself."""

_LATER = (
    r"then|afterwards?|after that|next|finally|later|subsequently|eventually|lastly|at last|at the end|in the end|"
    r"ultimately|soon"
)
CONNECTOR = _pattern(
    r"(?:\s*[,.;:])*\s*(?:(?:and|but|before|until|after which)\b\s*)?"
    rf"(?:(?:(?:{_LATER})\b,?\s*)+(?:\w+ly\b,?\s*)?)?"
)
"""Punctuation, conjunction and adverbs between two clauses."""
LATER = _pattern(rf"(?:(?:{_LATER})\b,?\s*)*")
"""Adverbs of time at the start of a later clause."""
ENDS_LATER = _pattern(rf"\b(?:{_LATER}),?\s*$")
"""Text that ends in an adverb of time, after which no first clause begins."""
OPENER = _pattern(
    r"(?:^|(?<=[\s,.:;]))(?:initially|at first|first|to begin with|in the beginning|at the (?:start|beginning)|"
    r"there (?:is|was)|here is|we see|(?:a|the) (?:video|clip|shot|scene) (?:of|showing|with|where|in which))"
    r"\s*[,:]?\s*$"
)
"""Phrases between the scene and the first clause: "at first", "a video of"."""
SCENE = _pattern(
    r"(?:in|inside|at|on|outside|within|near|under|beneath|by|along|during|among|amid|against|across|over|through|"
    r"beside|beyond|around)\b"
)
"""Prepositions that begin a scene."""
ASIDE = _pattern(r"(?:with|while|as|where|when)\b|,?\s*\w+ing\b")
"""First words of a subordinate phrase, which is no clause of its own."""
ENDING = _pattern(r"\s*(?:(?:\w+ly|again|instead|now|there) ?)*(?:$|[.,;:!?]|(?:and|with|while|as|where|when)\b)")
"""Words that may follow the last relation."""
SAYS_RELATION = _pattern(
    r"\b(?:left|right|top|front|back|rear)(?: side)? of\b|\b(?:under|underneath|below|beneath|behind|atop)\b"
)
"""Words of a relation, by which error messages choose the part at fault."""
DOUBT = (
    r"\b(?:left|right|top|front|back)(?:-hand)?(?: side)? of\b|\bits (?:left|right|top|front)\b|\bon top\b|"
    r"\b(?:behind|under|underneath|beneath|atop|onto) (?:it|the {object})\b|\b(?:then|finally|ends? up|afterwards)\b"
)
"""Pattern of words that may be one more relation when they are left over at the end."""
