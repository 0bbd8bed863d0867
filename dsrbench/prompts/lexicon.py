"""Words by which statements are read: verbs, adjectives, places, directions, and words that rule a reading out."""

from __future__ import annotations

import re

from dsrbench.types import Direction, Relation


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SINGULAR = _words("a an one this that another each")
PLURAL = _words("two three four five six several some many multiple various few both these those")
DETERMINERS = _words("the") | SINGULAR | PLURAL
"""First words of a noun phrase; after the singular ones, a word in -s at a later place is a verb."""

BE = _words("is are was were")
"""Forms of "to be"."""

AUXILIARIES = _words("be seen has have begins starts continues keeps")

POSTURES = _words(
    "sits sit stands stand lies lie lays lay rests rest waits wait perches perch sleeps sleep hangs hang leans lean "
    "crouches crouch kneels kneel hides hide grows grow appears appear remains remain stays stay hovers hover floats "
    "float looms loom naps poses grazes feeds plays eats drinks reads sings barks dances blooms glows shines burns "
    "works "
    "cooks paints watches looks"
)
"""Finite verbs that do not change a place."""

TRAVELS = _words(
    "moves move walks walk runs run goes go flies fly swims swim drives drive rolls roll slides slide drifts drift "
    "hops "
    "hop jumps jump leaps leap crawls crawl gallops gallop trots trot glides glide sails sail scampers scamper "
    "scurries "
    "scurry skates skate skis ski surfs surf races race rushes rush dashes dash sprints sprint swoops swoop soars soar "
    "flows flow blows blow travels travel marches march strolls stroll wanders wander rides ride cruises cruise darts "
    "dart speeds speed zooms zoom floats float flutters flutter bounces bounce climbs climb rises rise ascends ascend "
    "descends descend falls fall sinks sink drops drop tumbles tumble spirals shoots dives dive steps step waddles "
    "waddle slithers slither paddles paddle cycles pedals chases creeps creep prances prance charges charge jogs jog "
    "hikes hike heads head passes pass crosses cross streams stream streaks whizzes steams chugs taxis bounds bound "
    "paces saunters saunter lumbers lumber romps romp skips skip trundles trundle tiptoes tiptoe meanders meander "
    "strides stride frolics frolic scoots scoot wriggles wriggle hurries hurry plods plod ambles amble"
)
"""Finite verbs that change a place."""

PATHS = _words("jumps jump leaps leap hops hop jumping leaping hopping vaulting vaults climbs climb climbing steps")
"""Verbs with which "over", "on" and "onto" say where a motion goes, and not where something is."""

GOALS = TRAVELS - _words("floats float flutters flutter")
"""Finite verbs with which "to the left of" says where a motion ends."""

TURNS = _words(
    "turns turn turning looks look looking faces face facing leans lean leaning points point pointing bends bend "
    "bending "
    "tilts tilt tilting waves wave waving gazes gaze gazing glances glance glancing stares stare staring nods nod "
    "nodding "
    "rotates rotate rotating spins spin spinning curves curve curving steers steer steering swings swing swinging "
    "signals "
    "leads lead leading opens open opening"
)
"""Verbs whose direction is not that of a motion."""

RISES = {
    **dict.fromkeys(_words("rises rise rising ascends ascend ascending"), Direction.UP),
    **dict.fromkeys(_words("descends descend descending sinks sink sinking"), Direction.DOWN),
    **dict.fromkeys(_words("falls fall falling drops drop dropping plummets plummeting"), Direction.DOWN),
}
"""Verbs that are a direction by themselves."""

FLOATING = _words(
    "moves moving move drifts drifting drift floats floating float flies flying fly flows flowing flow falls "
    "falling fall "
    "climbs climbing climb crawls crawling crawl slides sliding slide glides gliding glide rolls rolling roll swoops "
    "swooping swoop soars soaring soar shoots shooting swims swimming swim tumbles tumbling bubbles spirals spiraling "
    "goes going go rises rising rise descends descending dives diving dive drops dropping drop hops hopping hop jumps "
    "jumping jump blasts blasting streams streaming cascades cascading parachutes rappels rappelling flutters "
    "fluttering "
    "launches launching zooms zooming ascends ascending sinks sinking travels traveling bounces bouncing runs running "
    "walks walking drives driving speeds speeding"
)
"""Verbs after which a bare "up", "down", "left" or "right" is the direction of a motion."""

NEVER_VERTICAL = _words("runs running walks walking drives driving speeds speeding")
"""Those of them after which "up" and "down" may mean along a street."""

MOVING = _words(
    "moving running walking driving flying passing speeding galloping swimming sailing rolling racing departing "
    "arriving "
    "approaching jumping hopping crossing drifting falling rising sliding gliding traveling travelling leaving"
)
"""Participles that say of an object that it moves."""

NOUNS_IN_ING = _words(
    "ring earring string spring building painting drawing railing ceiling awning clothing dwelling thing king swing "
    "wing "
    "duckling gosling sibling pudding wedding evening morning lightning viking starling sling sapling seedling sterling"
)
"""Nouns in -ing."""

NOUNS_IN_ED = _words("bed shed sled seed weed reed steed flatbed bobsled seabed moped")
"""Nouns in -ed."""

ADVERBS = _words(
    "still alone together quietly high low fast slow away off out back up down again straight gracefully forward "
    "forwards upright"
)
"""Adverbs that do not end in -ly."""

AFTER_MOTION = _words("on over above behind below onto and , beneath under")
"""Words beside `PREPOSITIONS` that may follow a verb of motion."""

FEATURES = _words(
    "hair hat cap coat jacket shirt dress skirt suit uniform scarf boots shoes gloves glasses sunglasses helmet "
    "backpack "
    "beard smile eyes ears wings feathers tail fur horns mane beak spots stripes petals leaves branches roof windows "
    "sails wheels lights collar apron robe cape crown sweater hoodie jeans umbrella"
)
"""Things that belong to a subject, after which an event is still that of the subject."""

CAUSATIVES = _words(
    "left put puts putting placed places placing throws throwing threw kicks kicking lifts lifting drops dropping "
    "pushes pushing pulls pulling tosses tossing flies flying sails sailing launches launching shoots shooting rolls "
    "rolling hangs hanging moves moving sends sending with of for"
)
"""Words before a noun phrase after which a relation may be that thing's and not the subject's."""

CARRIERS = _words(
    "wearing holding carrying drinking riding rides reading eating playing pushing pushes pulling pulls chasing chases "
    "wears holds carries following follows driving drives"
)
"""Verbs with an object, with which the subject moves as well."""

PARTICIPLES = _words("seated hung built placed parked made kept laid stuck grown worn")
"""Participles without -ed."""

_PLAIN_ADJECTIVES = _words(
    "red green blue yellow orange purple pink brown black white grey gray golden silver beige turquoise small big "
    "large "
    "tiny huge giant little tall short long old young new ancient modern bright dark light fat thin wild baby adult "
    "round "
    "square wooden metal plastic glass stone ceramic leather rustic vintage classic beautiful cute hot cold wet dry "
    "colorful colourful majestic graceful playful elegant vibrant gentle quiet calm lone single solitary empty full "
    "open "
    "polar grizzly male female domestic toy electric antique broken mini miniature abstract royal snowy sleek curious"
)
_ADJECTIVE = re.compile(r"\w+(?:ful|ous|ish|ive|less|able|ible|ic|al|ant|ent|some)|\w{2,}[^aeiou]y")
_NOUNS_LIKE_ADJECTIVES = _words(
    "animal hospital canal pedal medal petal crystal elephant ant plant giant restaurant infant tent student parent "
    "president serpent vent agent attic mechanic music bunny puppy kitty pony baby boy toy monkey donkey turkey "
    "lady fly "
    "butterfly dragonfly lily berry cherry strawberry family city country party body jelly teddy trolley ferry lorry "
    "buggy canopy daisy ivy balcony library factory pastry candy canary husky guppy ruby penny gypsy fairy cowboy "
    "vehicle table cable bible olive dive detective relative general admiral cardinal signal terminal festival metal"
)


def is_adjective(word: str) -> bool:
    """Tell whether a word is likely an adjective.

    >>> [is_adjective(word) for word in ("red", "fluffy", "dog", "puppy")]
    [True, True, False, False]
    """
    if word in _PLAIN_ADJECTIVES:
        return True
    return word not in _NOUNS_LIKE_ADJECTIVES and bool(_ADJECTIVE.fullmatch(word))


PLACES = _words(
    "road street highway avenue sidewalk pavement path trail track tracks rail rails lane beach shore coast ground "
    "grass "
    "lawn field meadow farm ranch floor sand snow ice sea ocean water river lake pond pool stream hill hillside "
    "mountain "
    "mountainside island stage court planet earth moon horizon savanna savannah plain plains prairie desert forest "
    "city "
    "town village park garden yard way team day night morning afternoon evening weekend monday tuesday wednesday "
    "thursday "
    "friday saturday sunday vacation holiday screen frame image picture video scene view "
    "canvas photo film sale fire journey trip shoreline riverbank seashore bank runway campus"
)
"""Nouns that are places, times or pictures: "on" such a one, or at its side, is no relation to a thing."""

PICTURES = _words("screen frame image picture video scene view shot")
"""Nouns that name the picture."""

DEVICES = _words("phone telephone tv television computer radio camera internet")
"""Things that somebody is "on" in another sense."""

PLURAL_NOUNS = _words("people children men women geese sheep fish deer cattle leaves wolves")
"""Plurals that do not end in -s, or in another way."""

WALLS = _words("wall walls ceiling door window cliff")
"""Things on which nothing stands: "on" one of these is not on top."""

BEFORE_RELATIONS = _words("behind above below beneath under over in next after on by at before now there here")
"""Words after which "right" means "just"."""

SKIES = _words(
    "sky skies sun sunlight moonlight moon starlight stars light lights spotlight rain snowfall sunset sunrise"
)
"""Things that everything is under."""

IDIOMS = _words("scenes bars camera lens years time times control pressure construction")
"""Nouns with which "behind", "over" or "in front of" is no relation to a thing."""

CAMERAS = _words("camera shot view lens scene frame video clip footage perspective viewpoint drone-shot")
"""Subjects that are the camera."""

NEGATION = re.compile(
    r"\b(?:not|no|never|neither|nor|without|unlike|except|instead of|rather than|away from|far from|no longer|barely|"
    r"hardly|almost|nearly|nowhere|\w+n't)\b",
    re.IGNORECASE,
)
"""Words that say that something is not so."""

TEMPORAL = re.compile(
    r"\b(?:then|afterwards?|after(?! (?:the |a )?(?:rain|sunset|sunrise|dark|midnight|dusk|snowfall|storm)\b)|"
    r"before(?! (?:the |a )?(?:sunset|sunrise|dark|dawn|dusk|storm)\b)|until|finally|later|subsequently|eventually|"
    r"initially|ends? up|at first|once|suddenly|from (?:behind|under|below|above|on top|beneath|in front))\b",
    re.IGNORECASE,
)
"""Words that say that one thing follows another."""

ASIDE_RELATIONS = re.compile(
    r"\b(?:(?:left|right|top|front|back|rear|bottom)(?:-hand)?(?: side)? of|behind|under|underneath|beneath|below|"
    r"above|atop|on top|over)\b",
    re.IGNORECASE,
)
"""Words of a relation, in a part of a sentence that no claim was read from."""

STYLE = re.compile(
    r"(?:(?:front|side|top|back|rear|aerial|wide|close-?up|bird's[- ]eye|overhead|low|high|eye|full|medium|long|"
    r"first-person|third-person)[- ](?:view|shot|angle|level|body)|close-?up(?: shot)?|[248]k(?: resolution| uhd)?|"
    r"uhd|hd|hdr|"
    r"cinematic(?: \w+)?|(?:photo-?)?realistic(?: \w+)?|high[- ](?:quality|resolution|detail)|(?:ultra|highly|very) "
    r"detailed|slow[- ]motion|time-?lapse|(?:in )?(?:the |an? )?style of .+|(?:in )?(?:\w+ )?(?:\w+ )?style|"
    r"(?:oil |watercolor |digital )?(?:painting|sketch|anime|cartoon|animation|pixel art|illustration)|(?:soft|warm|"
    r"natural|dramatic|studio) (?:light|lighting)|bokeh|masterpiece|(?:static|fixed|still) (?:camera|shot)|"
    r"(?:as )?(?:seen|viewed|shot|filmed|captured) from (?:above|below|behind|(?:the|a|its) \w+(?: \w+)?))",
    re.IGNORECASE,
)
"""Views and styles, which say how a clip looks."""

_SIDE = r"(?:(?:far|immediate|very|lower|upper) )?{}(?:-hand| hand)?(?: side| edge)?"
_TO = r"(?:(?:on|to|at|by|towards?) )?(?:the )?"
RELATIONS = tuple(
    (relation, re.compile(pattern, re.IGNORECASE))
    for relation, pattern in (
        (Relation.LEFT, rf"{_TO}{_SIDE.format('left')} of"),
        (Relation.RIGHT, rf"{_TO}{_SIDE.format('right')} of"),
        (Relation.FRONT, r"(?:directly |right |just )?in front of|(?:at|to|on) the front(?: side)? of"),
        (Relation.BEHIND, r"(?:directly |right |just )?behind|(?:at|to|on|in) (?:the )?(?:back|rear)(?: side)? of"),
        (Relation.TOP, r"(?:at|on|to) (?:the )?(?:very )?top(?: side)? of|atop(?: of)?"),
        (Relation.UNDER, r"(?:at|on|to) the (?:bottom|underside) of"),
        (Relation.TOP, r"(?:directly |right |just |high )?(?:above|over)|upon|onto"),
        (Relation.UNDER, r"(?:directly |right |just )?(?:below|beneath|under|underneath)"),
        (Relation.TOP, r"on"),
    )
)
"""Phrases of each relation, up to the noun of the object; the first that fits counts."""

_OF_PICTURE = r"(?: of (?:the )?(?:screen|frame|image|picture|video|view|scene|shot))?"
_EDGE = r"(?:(?:hand )?(?:side|edge|corner))?"
DIRECTIONS = tuple(
    (direction, re.compile(pattern, re.IGNORECASE))
    for direction, pattern in (
        *(
            (
                direction,
                rf"(?:from )?(?:the )?{a} ?{_EDGE}{_OF_PICTURE} (?:to|towards?) (?:the )?{b}(?: {_EDGE})?{_OF_PICTURE}",
            )
            for direction, a, b in (
                (Direction.RIGHT, "left", "right"),
                (Direction.LEFT, "right", "left"),
                (Direction.DOWN, "top", "bottom"),
                (Direction.UP, "bottom", "top"),
            )
        ),
        (Direction.LEFT, r"leftwards?|leftwardly"),
        (Direction.RIGHT, r"rightwards?|rightwardly"),
        (Direction.UP, r"upwards?|skywards?"),
        (Direction.DOWN, r"downwards?"),
        (Direction.LEFT, rf"(?:to|towards?) (?:the )?left(?:-hand| hand)?(?: side| edge)?{_OF_PICTURE}"),
        (Direction.RIGHT, rf"(?:to|towards?) (?:the )?right(?:-hand| hand)?(?: side| edge)?{_OF_PICTURE}"),
        (Direction.UP, rf"(?:to|towards?) the (?:top|upper edge){_OF_PICTURE}"),
        (Direction.DOWN, rf"(?:to|towards?) the (?:bottom|lower edge){_OF_PICTURE}"),
    )
)
"""Phrases of each direction; what follows must be no "of" with a thing."""

BARE = {"left": Direction.LEFT, "right": Direction.RIGHT, "up": Direction.UP, "down": Direction.DOWN}
"""Directions after a verb of `FLOATING`."""

PREPOSITIONS = _words(
    "in inside into at near by beside along alongside through throughout across around among amid amidst between "
    "within "
    "against during with toward towards from past off out beyond via of to for next as like about"
)
"""Prepositions of places and remarks, which are no relation."""

CONJUNCTIONS = _words("and while as but whereas with when where which that who")
"""Words between the parts of a sentence."""

NO_NOUN = (
    PREPOSITIONS
    | CONJUNCTIONS
    | BE
    | _words(
        "it its itself he she they them his her their him not no or if than then so very there here left right up down "
        "above below over under beneath underneath behind atop on onto upon front leftwards rightwards upwards "
        "downwards "
        "leftward rightward upward downward slowly quickly"
    )
)
"""Words that are no part of a noun phrase."""

POSSESSIVES = _words("his her its their")
"""Words that begin a noun phrase of something that belongs to somebody."""

GROUPS = _words(
    "row group flock herd pair bunch bowl cup glass bottle piece stack pile line school pack basket plate vase field "
    "cluster couple set loaf slice jar box bag bucket can pot crate swarm team trail cloud drop stream"
)
"""Nouns whose "of" is part of the phrase, as in "a row of boats"."""
