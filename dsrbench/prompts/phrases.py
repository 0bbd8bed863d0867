"""The words of the grammar, as data: how a relation is said, which verbs end a noun, what a scene begins with."""

from __future__ import annotations

import re

from dsrbench.types import Relation

EXAMPLE = "In a sunlit office, a cat is on the left of a chair, then the cat walks to the right of the chair."
"""A sentence of the canonical form, shown in errors."""

INITIAL_PHRASES = {
    Relation.LEFT: "on the left of",
    Relation.RIGHT: "on the right of",
    Relation.TOP: "on the top of",
    Relation.UNDER: "under",
    Relation.FRONT: "in front of",
    Relation.BEHIND: "behind",
}
"""How the canonical sentence says where the subject is."""

FINAL_PHRASES = {
    Relation.LEFT: "to the left of",
    Relation.RIGHT: "to the right of",
    Relation.TOP: "to the top of",
    Relation.UNDER: "under",
    Relation.FRONT: "to the front of",
    Relation.BEHIND: "behind",
}
"""How the canonical sentence says where the subject goes."""

AN_BEFORE_CONSONANT = ("hour", "heir", "honest", "honor", "honour", "x-ray", "mri", "suv", "led")
A_BEFORE_VOWEL = ("uni", "use", "usu", "ute", "eu", "ewe", "one", "once", "ufo", "uk")
"""First letters of words whose article goes by sound, not by letter."""
AN_IN_SPITE = ("unim", "unin", "unid")


def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLE = r"(?:a|an|the|one|this|that)\b "
_TO = r"(?:(?:from|on|onto|to|at|in|by|towards?) )?"
_SIDE = r"(?:(?:far|immediate|very) )?{word}(?:-hand| hand)?(?: side| edge)?"

_PLACES = {
    Relation.LEFT: rf"{_TO}(?:the )?{_SIDE.format(word='left')} of",
    Relation.RIGHT: rf"{_TO}(?:the )?{_SIDE.format(word='right')} of",
    Relation.TOP: rf"{_TO}(?:the )?(?:very )?top(?: side)? of|(?:from |to )?(?:atop(?: of)?|above|onto|upon|on)",
    Relation.UNDER: r"(?:from |to )?(?:under|underneath|below|beneath)|(?:on|to|from) the underside of",
    Relation.FRONT: rf"(?:from )?in front of|{_TO}(?:the )?front(?: side)? of",
    Relation.BEHIND: rf"(?:from |to )?behind|{_TO}(?:the )?(?:back|rear)(?: side)? of|in back of",
}
PLACES = tuple((relation, _pattern(rf"(?:{pattern}) ")) for relation, pattern in _PLACES.items())
"""Each relation with the words that say it, up to the article or pronoun of the object."""

SIDES = {
    "left": Relation.LEFT,
    "right": Relation.RIGHT,
    "top": Relation.TOP,
    "front": Relation.FRONT,
    "back": Relation.BEHIND,
    "rear": Relation.BEHIND,
}
BESIDE = _pattern(r"(?:beside|next to|alongside|adjacent to|near|by) ")
ON_SIDE = _pattern(r",? (?:on|to|at) (?:the|its) (?P<side>left|right)(?:-hand| hand)?(?: side)?\b(?: of it\b)?")
ITS_SIDE = _pattern(
    rf"{_TO}its (?:very )?(?P<side>left|right|top|front|(?<!on its )(?<!onto its )back|rear)"
    r"(?:-hand| hand)?(?: side)?\b(?! of\b)"
)
OWN_SIDE = _pattern(r"(?:'s|') (?P<side>left|right|top|front)(?:-hand| hand)?(?: side)?\b(?! of\b)")
OWN_SIDE_LEAD = _pattern(_TO)
FROM_SIDE = _pattern(r"from (?:the )?(?P<side>left|right|top|front|back)(?: side)?(?= (?:to|towards?|onto)\b)")
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
"""Final phrases that leave the object out: "then it jumps on top"."""

_NO_NOUN = sorted(
    _words(
        "a an the one this that these those it its itself they them their he she his her him which who whose is are "
        "was were be been being in on at to of from by with near under over above below beneath underneath behind "
        "beside inside outside onto into upon atop off through across along around towards toward within without while "
        "as before after until then and or but not left right"
    )
)
WORD = rf"(?!(?:{'|'.join(_NO_NOUN)})\b(?!-))(?:(?:st|mt|dr|mr|mrs|jr)\.|[^\W_][\w&-]*(?:'(?!s )\w+)*)"
NOUN = _pattern(rf"{WORD}(?: {WORD}){{0,5}}(?: of {WORD}(?: {WORD}){{0,2}})?")
"""A noun phrase without its article: up to six words, perhaps "of" three more."""
NO_HEAD = _words("top front back rear side bottom edge middle center centre")
"""Words that, alone or before "of", are part of a relation and no noun."""
NO_NOUN_END = _pattern(r"made|full|\w{2,}(?:ing|ed|ly)")
"""Last words of several that are a participle or an adverb, unless listed next."""
NOUN_END = _pattern(
    r"(?:build|paint|draw|rail|ceil|awn|cloth|dwell|th|k)ing|\w*(?:duckling|gosling|ring|swing|wing)|"
    r"\w*(?:bed|shed|sled|seed|weed|reed|steed)|\w*fly|lily|jelly|belly|doily|family|assembly|lolly|dolly|holly"
)

TO_BE = _words("is are was were")
FINITE = _words(
    "sits sat stands stood lies lay lays rests rested waits stays starts started begins began appears perches crouches "
    "sleeps hovers floats remains hides naps moves walks runs jumps hops climbs goes travels leaps crawls trots flies "
    "rolls slides swims swings drifts steps wanders strolls shifts relocates"
)
PARTICIPLES = _words("sitting standing lying resting waiting located positioned placed seated perched")
NEGATIVE = _pattern(r"(?:not|never|no|without|neither|nor|instead of)\b|\w+n't\b")
IN_RELATION = _words(
    "left right top front behind under above below beneath underneath atop then everything something nothing"
)
"""Words that may not be passed over on the way from a verb to its relation."""

PRONOUN = _pattern(r"(?:it|he|she|they)\b(?!')|the (?:animal|creature|same animal)\b")
OBJECT_PRONOUN = _pattern(r"(?:it\b(?!')|the (?:object|item|same spot)\b)")
ELLIPSIS = _pattern(
    r"(?:\w+(?:s|ed|ing|ly)|ran|went|leapt|sat|swam|flew|crept|came|back|up|down|over|to|on|onto|from|under|behind|"
    r"underneath|beneath|below|in|atop|towards?)\b(?<!everything)(?<!something)(?<!nothing)(?<!anything)(?<!its)(?<!his)"
)
"""What a clause without a subject begins with: a verb, an adverb, or the relation itself."""

_LATER = (
    r"then|afterwards?|after that|next|finally|later|subsequently|eventually|lastly|at last|at the end|in the end|"
    r"ultimately|soon"
)
CONNECTOR = _pattern(
    r"(?:\s*[,.;:])*\s*(?:(?:and|but|before|until|after which)\b\s*)?"
    rf"(?:(?:(?:{_LATER})\b,?\s*)+(?:\w+ly\b,?\s*)?)?"
)
LATER = _pattern(rf"(?:(?:{_LATER})\b,?\s*)*")
ENDS_LATER = _pattern(rf"\b(?:{_LATER}),?\s*$")
OPENER = _pattern(
    r"(?:^|(?<=[\s,.:;]))(?:initially|at first|first|to begin with|in the beginning|at the (?:start|beginning)|"
    r"there (?:is|was)|here is|we see|(?:a|the) (?:video|clip|shot|scene) (?:of|showing|with|where|in which))"
    r"\s*[,:]?\s*$"
)
SCENE = _pattern(
    r"(?:in|inside|at|on|outside|within|near|under|beneath|by|along|during|among|amid|against|across|over|through|"
    r"beside|beyond|around)\b"
)
"""Prepositions a scene begins with."""
ASIDE = _pattern(r"(?:with|while|as|where|when)\b|,?\s*\w+ing\b")
"""What other words that are no clause of their own begin with."""
ENDING = _pattern(r"\s*(?:(?:\w+ly|again|instead|now|there) ?)*(?:$|[.,;:!?]|(?:and|with|while|as|where|when)\b)")
SAYS_RELATION = _pattern(
    r"\b(?:left|right|top|front|back|rear)(?: side)? of\b|\b(?:under|underneath|below|beneath|behind|atop)\b"
)
DOUBT = (
    r"\b(?:left|right|top|front|back)(?:-hand)?(?: side)? of\b|\bits (?:left|right|top|front)\b|\bon top\b|"
    r"\b(?:behind|under|underneath|beneath|atop|onto) (?:it|the {object})\b|\b(?:then|finally|ends? up|afterwards)\b"
)
"""Words which, left over at the end, may be one more relation."""
