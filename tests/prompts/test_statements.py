"""Sentences of one relation throughout, of motions and of several claims: what is read, and what is refused."""

# ruff: noqa: E501 (one sentence, one line)

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrbench.errors import PromptError
from dsrbench.prompts import parse_prompt, read_prompt

# Each sentence with its claims: subject|object|type, joined by plus signs.
STATIC = [
    ("A penguin standing on the left side of a cactus in a desert", "penguin|cactus|L"),
    ("A banner fluttering above a house", "banner|house|T"),
    ("A frog perched on a refrigerator in a busy kitchen", "frog|refrigerator|T"),
    ("A child walking in front of a car", "child|car|F"),
    ("A robin singing to the left of a squirrel on a fence", "robin|squirrel|L"),
    ("A kite flying above a beach with children playing", "kite|beach|T"),
    ("A turtle swimming beneath a boat in crystal-clear water", "turtle|boat|U"),
    ("A lighthouse standing behind a row of fishing boats", "lighthouse|row of fishing boats|B"),
    ("A hot air balloon floating above a castle at sunset", "hot air balloon|castle|T"),
    ("A potted plant on the right of a traffic light", "potted plant|traffic light|R"),
    ("A dog sleeping under a wooden table in a cozy living room", "dog|wooden table|U"),
    ("A giraffe standing to the right of an acacia tree on the savanna", "giraffe|acacia tree|R"),
    ("An owl perched on top of a lamppost at night", "owl|lamppost|T"),
    ("A bear sitting behind a large rock in a forest", "bear|large rock|B"),
    ("A cyclist riding on the left of a bus on a busy street", "cyclist|bus|L"),
    ("A drone hovering over a football stadium", "drone|football stadium|T"),
    ("A submarine below a ship in the ocean", "submarine|ship|U"),
    ("A cat is hiding under a red sofa", "cat|red sofa|U"),
    ("A girl in a blue dress standing in front of a mirror", "girl|mirror|F"),
    ("A man wearing a red hat sitting to the left of a woman", "man|woman|L"),
    ("Two children standing in front of a fountain", "children|fountain|F"),
    ("Boats docked on the left of a pier", "Boats|pier|L"),
    ("There is a cat to the left of a chair", "cat|chair|L"),
    ("To the left of a chair stands a cat", "cat|chair|L"),
    ("A chair has a cat on its left", "cat|chair|L"),
    ("On top of a box sits a cat", "cat|box|T"),
    ("In front of a house, a dog runs", "dog|house|F"),
    ("A dog on the left and a cat on the right", "dog|cat|L"),
    ("In a desert, a penguin stands on the left of a cactus", "penguin|cactus|L"),
    ("A bench stands on the right side of a fountain in a park, realistic style", "bench|fountain|R"),
    ("A cup on a saucer", "cup|saucer|T"),
    ("A butterfly resting on a sunflower, close-up", "butterfly|sunflower|T"),
    ("A bird is above a tree", "bird|tree|T"),
    ("a teddy bear at the bottom of a staircase", "teddy bear|staircase|U"),
    ("A small white dog sits quietly to the left of an old man on a bench", "small white dog|old man|L"),
    ("A sleeping cat on the left of a lamp", "sleeping cat|lamp|L"),
    ("A fox is on the left of a statue, on a cobbled square.", "fox|statue|L"),
    ("A parked car in front of a garage", "parked car|garage|F"),
    ("A fluffy sleeping cat under a chair", "fluffy sleeping cat|chair|U"),
    ("A man playing guitar on the left of a woman", "man|woman|L"),
    ("A woman reading a book under a tree", "woman|tree|U"),
    ("A cow stands behind a fence", "cow|fence|B"),
    ("A bowl of fruit on the left of a vase of flowers", "bowl of fruit|vase of flowers|L"),
    ("A monkey hanging below a branch", "monkey|branch|U"),
    ("A plane flies above the clouds", "plane|clouds|T"),
    ("A squirrel on the top of a tree stump", "squirrel|tree stump|T"),
    ("a train passing under a bridge", "train|bridge|U"),
    ("A lantern hangs over a doorway", "lantern|doorway|T"),
    ("A chef stands behind a kitchen counter", "chef|kitchen counter|B"),
    ("A fox is sitting in front of a snow-covered cabin", "fox|snow-covered cabin|F"),
    ("An astronaut standing on the right side of a lunar rover on the moon", "astronaut|lunar rover|R"),
    ("A toy car is under a bed", "toy car|bed|U"),
    ("A ladybug crawling on a leaf", "ladybug|leaf|T"),
    ("A duck swimming in front of a boat on a lake", "duck|boat|F"),
    ("a cat sleeps under a table", "cat|table|U"),
    ("A goat standing on a rock", "goat|rock|T"),
    ("A bike leaning against a wall to the left of a door", "bike|door|L"),
    ("a bird flying over a lake to the left of a boat", "bird|boat|L"),
    ("A cat in front of a house on a hill", "cat|house|F"),
    ("A bee hovering above a flower in a meadow", "bee|flower|T"),
    ("A vase placed on the left of a laptop on a desk", "vase|laptop|L"),
    ("A yellow submarine beneath a large whale", "yellow submarine|large whale|U"),
    ("A clown juggling in front of a circus tent", "clown|circus tent|F"),
    ("A crab on a surfboard at the beach", "crab|surfboard|T"),
    ("A bird's nest on a branch", "bird's nest|branch|T"),
    ("A knight standing on the right side of a dragon", "knight|dragon|R"),
    ("A hedgehog rolling on the left side of a mushroom in the woods", "hedgehog|mushroom|L"),
    ("A pelican standing in front of a lighthouse with waves crashing", "pelican|lighthouse|F"),
    ("A street lamp above a bench in the rain", "street lamp|bench|T"),
    ("A dragonfly flying above a pond at dawn", "dragonfly|pond|T"),
    ("A gardener kneeling in front of a flower bed", "gardener|flower bed|F"),
    ("A parrot sitting on a pirate's shoulder", "parrot|pirate's shoulder|T"),
    ("A rainbow over a waterfall", "rainbow|waterfall|T"),
    ("A seagull gliding above a fishing boat", "seagull|fishing boat|T"),
    ("A robot standing to the right of a vending machine in a subway station", "robot|vending machine|R"),
    ("A koala hanging from a branch above a river", "koala|river|T"),
    ("A snowman standing on the left of a Christmas tree", "snowman|Christmas tree|L"),
    ("A unicorn stands in front of a rainbow-colored castle", "unicorn|rainbow-colored castle|F"),
    ("A cat lying on a keyboard", "cat|keyboard|T"),
    ("A hamster running on a wheel", "hamster|wheel|T"),
    ("A bus parked on the right side of a taxi", "bus|taxi|R"),
    ("A ballerina dancing in front of a grand piano", "ballerina|grand piano|F"),
    ("A lizard basking on top of a rock in the sun", "lizard|rock|T"),
    ("A candle burns to the left of a mirror", "candle|mirror|L"),
    ("A ship sailing below a bridge", "ship|bridge|U"),
    ("A moon above a mountain", "moon|mountain|T"),
    ("A horse-drawn carriage in front of a palace", "horse-drawn carriage|palace|F"),
    ("The cat is behind the sofa", "cat|sofa|B"),
    ("A bear standing behind a campfire while people sing", "bear|campfire|B"),
    ("A panda eating bamboo to the left of a waterfall", "panda|waterfall|L"),
    ("A hen sitting on eggs in a barn", "hen|eggs|T"),
    ("A peacock displaying its feathers in front of a temple", "peacock|temple|F"),
    ("A drummer behind a drum set on a stage", "drummer|drum set|B"),
    ("A cowboy riding a horse to the right of a train", "cowboy|train|R"),
    ("A clock hanging above a fireplace in a living room", "clock|fireplace|T"),
    ("A chandelier hangs above a dining table", "chandelier|dining table|T"),
    ("Skyscrapers towering behind a small church", "Skyscrapers|small church|B"),
    ("A goose walks in front of a tractor", "goose|tractor|F"),
    ("A violinist plays to the left of a cellist", "violinist|cellist|L"),
    ("A white rabbit is beneath a wooden bench.", "white rabbit|wooden bench|U"),
    ("A monkey sits atop an elephant", "monkey|elephant|T"),
    ("A plate of cookies on the right of a glass of milk", "plate of cookies|glass of milk|R"),
    ("A slice of pizza on a plate", "slice of pizza|plate|T"),
    ("A polar bear on an iceberg", "polar bear|iceberg|T"),
    ("Under a table, a dog sleeps", "dog|table|U"),
    ("Behind a tree hides a fox", "fox|tree|B"),
    ("On the left of a sofa is a lamp", "lamp|sofa|L"),
    ("A sofa with a lamp on its right", "lamp|sofa|R"),
    ("a dog to the left of a cat, both sleeping", "dog|cat|L"),
    ("In a kitchen, a kettle is on the left of a toaster.", "kettle|toaster|L"),
    ("A car drives right behind a truck", "car|truck|B"),
    ("A bird flying to the left of a tree", "bird|tree|L"),
]  # fmt: skip
MOTION = [
    ("A golden retriever scampering leftwards across a garden", "golden retriever||>L"),
    ("A flower floats right to left by the flowing stream", "flower||>L"),
    ("A rabbit hops from left to right", "rabbit||>R"),
    ("a balloon rises", "balloon||>U"),
    ("an elevator descends", "elevator||>D"),
    ("A leaf falls downward", "leaf||>D"),
    ("A plane flies upwards", "plane||>U"),
    ("A dog moving to the left", "dog||>L"),
    ("A fish swims towards the right", "fish||>R"),
    ("A car drives from the right side to the left side of the screen", "car||>L"),
    ("A curtain moves from top to bottom", "curtain||>D"),
    ("A feather drifts down", "feather||>D"),
    ("A rocket ascends into the sky", "rocket||>U"),
    ("A squirrel climbs up a tree trunk", "squirrel||>U"),
    ("A kite soars upwards in the sky", "kite||>U"),
    ("A submarine descends slowly into the deep", "submarine||>D"),
    ("A leaf drifts from right to left on the surface of the pond", "leaf||>L"),
    ("Bubbles floating upward in a glass of soda", "Bubbles||>U"),
    ("A paper plane flying right to left in the classroom", "paper plane||>L"),
    ("A cascade of water flowing downwards", "cascade||>D"),
    ("A skier slides downwards on a snowy slope", "skier||>D"),
    ("A cat runs leftwards behind a fence", "cat||>L"),
    ("A hot air balloon floats upwards over a valley", "hot air balloon||>U"),
    ("Two dogs run leftwards on a beach", "dogs||>L"),
    ("A ball is thrown to the left", "ball||>L"),
    ("A boat sails to the right on a calm lake", "boat||>R"),
    ("A snail crawls slowly to the right", "snail||>R"),
    ("Raindrops fall downwards on a window", "Raindrops||>D"),
    ("A skateboarder rolls from left to right across a plaza, side view", "skateboarder||>R"),
    ("A spider climbing up its web", "spider||>U"),
    ("A cloud drifting leftward in a blue sky", "cloud||>L"),
    ("The sun rises over the mountains", "sun||>U"),
    ("A jellyfish drifts upward in the dark ocean", "jellyfish||>U"),
    ("A snake slithers to the left in the sand", "snake||>L"),
    ("A waterfall flows downward", "waterfall||>D"),
    ("A car is moving leftwards on a highway", "car||>L"),
    ("A red bus drives rightwards past a museum", "red bus||>R"),
    ("A cyclist pedals left to right along a country road", "cyclist||>R"),
    ("An arrow flies from the left to the right of the frame", "arrow||>R"),
    ("A jogger runs left to right along a beach", "jogger||>R"),
    ("A hawk glides rightward above the canyon", "hawk||>R"),
    ("A white horse gallops leftwards in a meadow, cinematic", "white horse||>L"),
    ("Smoke rises upward from a chimney", "Smoke||>U"),
    ("Snow falls downward over a village", "Snow||>D"),
    ("A bubble floats upwards and pops", "bubble||>U"),
    ("A lift goes up in a tall building", "lift||>U"),
    ("An elevator moves down in a mall", "elevator||>D"),
    ("A parachutist descends towards the ground", "parachutist||>D"),
    ("A balloon drifts to the right in the sky", "balloon||>R"),
    ("A motorcycle speeds leftwards down a highway", "motorcycle||>L"),
    ("A motorcycle speeds leftwards along a highway", "motorcycle||>L"),
    ("A ship moves from the left to the right across the ocean", "ship||>R"),
    ("A crocodile swims right to left in a swamp", "crocodile||>L"),
    ("A monkey climbs upwards on a palm tree", "monkey||>U"),
    ("A red leaf is falling down from a tree", "red leaf||>D"),
    ("A skydiver falls down through the clouds", "skydiver||>D"),
    ("A marble rolls right across a table", "marble||>R"),
    ("The water level rises", "water level||>U"),
    ("A boat drifts leftwards in front of a castle", "boat||>L"),
    ("A bird takes off and flies leftwards", "bird||>L"),
    ("A dog jumps up", "dog||>U"),
    ("A diver dives down into the ocean", "diver||>D"),
    ("A curtain falls", "curtain||>D"),
    ("A whale leaps upward out of the water", "whale||>U"),
    ("A tram moves leftward, seen from above", "tram||>L"),
    ("A golf ball rolls to the left on the green", "golf ball||>L"),
    ("Two birds fly rightwards over a lake", "birds||>R"),
    ("A group of penguins walks to the left on the ice", "group of penguins||>L"),
    ("A hot-air balloon ascends over a valley at sunrise", "hot-air balloon||>U"),
    ("A panda slides down a hill", "panda||>D"),
    ("A child slides down a slide", "child||>D"),
    ("A comet streaks from left to right across the night sky", "comet||>R"),
    ("The camera pans left as a dog runs rightwards", "dog||>R"),
    ("A butterfly flutters up from a flower", "butterfly||>U"),
    ("A wave moves to the right", "wave||>R"),
    ("An airplane takes off to the right", "airplane||>R"),
    ("A ball bounces down the stairs", "ball||>D"),
    ("A caterpillar crawls rightward along a twig", "caterpillar||>R"),
    ("A bird with red feathers flies leftwards", "bird||>L"),
    ("A woman in a red coat walks to the right along the street", "woman||>R"),
]  # fmt: skip
SEVERAL = [
    ("A horse is to the left of a barn and a cow is to the right of the barn", "horse|barn|L + cow|barn|R"),
    ("A cat on the left of a box and under a table", "cat|box|L + cat|table|U"),
    ("A deer runs rightwards through the forest, an owl flies leftwards above", "deer||>R + owl||>L"),
    ("a drone flies left while a bird swoops right", "drone||>L + bird||>R"),
    ("A train moves rightwards along the tracks while a car drives leftwards on the road below", "train||>R + car||>L"),
    ("A bird flies leftwards and a plane flies rightwards", "bird||>L + plane||>R"),
    ("A child runs to the right in a playground, a dog runs to the left", "child||>R + dog||>L"),
    ("a woman is standing on the left of a refrigerator, and a man is on the right of the refrigerator", "woman|refrigerator|L + man|refrigerator|R"),
    ("A rabbit hops rightwards and a turtle crawls leftwards", "rabbit||>R + turtle||>L"),
    ("A cyclist rides from right to left, a jogger runs from left to right", "cyclist||>L + jogger||>R"),
    ("A kite rises while a leaf falls", "kite||>U + leaf||>D"),
]  # fmt: skip
REFUSED = [
    "A statue of a horse behind a fountain",
    "A deer grazing to the left of a stream",
    "A rabbit sitting at the top of a hill",
    "a cat is left of a chair and a dog is right of it",
    "An eagle swoops down from left to right",
    "A cat is not on the left of a chair",
    "A cat next to a chair",
    "A man on a phone",
    "A dog on the left",
    "A picture of a cat on a wall",
    "A cat turns left",
    "A man looks to the left",
    "the camera moves left",
    "A dog on the left of a car that drives away",
    "A cat in front of a moving car",
    "A building under construction",
    "A car driving on the left side of the road",
    "A boy left his dog behind the house",
    "A cat walks to the left of a chair",
    "A cat jumps over a fence",
    "A man sits down",
    "A woman wakes up",
    "A cat is between a box and a chair",
    "The left shoe is red",
    "A cat on the left of a box or under a table",
    "A boat under a starry sky",
    "A cat on the left of a box, then it sleeps",
    "A man standing to the left of a tree in front of a house",
    "A leaf falls asleep",
    "A dog runs",
    "A man throws a ball leftwards",
    "A woman with a dog behind a fence",
    "A cat is to the left of a chair after jumping",
    "A person walks up to a house",
    "A cat and a dog on the left of a chair",
    "A bird flies left and right",
    "A cat is far from the left of a box",
    "A dog on Monday",
    "A person on the way",
    "A car is overtaking on the right",
    "A man leaves the house on the left",
    "A tiger crouching behind tall grass",
    "A baby elephant walking behind its mother",
    "An old man sitting on a bench under a tree",
    "A dolphin jumping over a wave",
    "A boy flying a kite above a field",
    "A swan swims to the left of a rowboat on a lake",
    "A bird on a wire above a street",
    "Above the city flies a dragon",
    "A flag waves to the left",
    "A sunflower turns to the right",
    "A fountain shoots water upwards",
    "A man runs right after a bus",
    "A train arrives from the left",
    "A crane lifts a crate upward",
    "A squirrel runs up a tree",
    "A drone flies upwards, then downwards",
    "A dog runs from the left to the right and back",
    "A cat moves to the left side of the room",
    "A fish swims upward to the left",
    "A penguin waddles leftwards on the snow, with a seal resting behind it",
    "A girl on a swing moves upwards",
    "A man on a horse rides to the left",
    "A car and a truck move leftwards",
]  # fmt: skip


def describe(prompt):
    return " + ".join(f"{clause.subject}|{clause.object}|{clause.type}" for clause in prompt.clauses)


@pytest.mark.parametrize(("text", "claims"), [*STATIC, *MOTION, *SEVERAL])
def test_reads(text, claims):
    prompt = parse_prompt(text)
    assert describe(prompt) == claims
    assert prompt.text == text


@pytest.mark.parametrize("text", REFUSED)
def test_refuses(text):
    with pytest.raises(PromptError) as caught:
        parse_prompt(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "claims"), [*STATIC[:40], *MOTION[:40]])
def test_what_the_case_and_a_full_stop_do_not_change(text, claims):
    for variant in (f"{text.rstrip('.')}.", f"{text[0].lower()}{text[1:]}", f"  {text}  "):
        assert describe(parse_prompt(variant)).casefold() == claims.casefold()


STYLES = [
    "front view",
    "side view",
    "cinematic",
    "4k",
    "realistic style",
    "in the style of Van Gogh",
    "seen from above",
]


@pytest.mark.parametrize("style", STYLES)
def test_styles_are_left_out_with_a_note(style):
    reading = read_prompt(f"a cat on the left of a chair, {style}")
    assert describe(reading.prompt) == "cat|chair|L"
    assert reading.notes == (f"{style!r} says how the clip looks and is left out",)


NOTES = [
    # text, claims, a part of the notes
    ("A bird is on the left a tree.", "bird|tree|L", "'is on the left' is read as 'is on the left of'"),
    ("A cat is in the front of a box.", "cat|box|F", "'in the front of' is read as 'in front of'"),
    ("A cat sits to the behind of a box.", "cat|box|B", "'to the behind of' is read as 'behind'"),
    ("A bird is behind a apple.", "bird|apple|B", "'a apple' is read as 'an apple'"),
    ("A cat on a box.", "cat|box|T", "whether the two touch is not measured"),
    ("A cat on a mat to the left of a dog.", "cat|dog|L", "'on a mat' is read as a place"),
    ("A plane flies leftwards above a city.", "plane||>L", "'above a city' is read as a place"),
    ("The camera pans left while a dog runs rightwards.", "dog||>R", "is about the camera and is left out"),
]


@pytest.mark.parametrize(("text", "claims", "note"), NOTES)
def test_notes(text, claims, note):
    reading = read_prompt(text)
    assert describe(reading.prompt) == claims
    assert any(note in line for line in reading.notes), reading.notes


PLAIN = [
    "A cat to the left of a box.",
    "A dog runs leftwards.",
    "A cat is on the left of a box, then it jumps on it.",
]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_sentences_have_no_notes(text):
    assert read_prompt(text).notes == ()


SCENES = [
    ("In a desert, a penguin stands on the left of a cactus.", "In a desert"),
    ("A penguin stands on the left of a cactus.", ""),
    ("On a table, a cup is to the right of a plate.", "On a table"),
]


@pytest.mark.parametrize(("text", "scene"), SCENES)
def test_scene(text, scene):
    assert parse_prompt(text).scene == scene


IDS = [
    ("A cat to the left of a box.", "cat-box-l-"),
    ("A dog runs leftwards.", "dog-to-left-"),
    ("A kite rises.", "kite-up-"),
    ("A bird flies leftwards and a plane flies rightwards", "bird-to-left-plane-to-right-"),
]


@pytest.mark.parametrize(("text", "start"), IDS)
def test_ids(text, start):
    id = parse_prompt(text).id
    assert id.startswith(start)
    assert len(id) == len(start) + 8


NOUNS = st.sampled_from(
    ["cat", "hot air balloon", "red fire truck", "row of boats", "puppy", "flying saucer", "painting", "wedding cake"]
)
PHRASES = st.sampled_from(
    [
        ("on the left of", "L"),
        ("to the right of", "R"),
        ("above", "T"),
        ("below", "U"),
        ("behind", "B"),
        ("in front of", "F"),
    ]
)
VERBS = st.sampled_from(["", "is ", "sits ", "is standing ", "resting quietly "])
TAILS = st.sampled_from(["", " in a park", " at sunset, 4k"])


@given(NOUNS, NOUNS, PHRASES, VERBS, TAILS)
def test_composed_sentences_are_read_back(subject, object, phrase, verb, tail):
    if subject != object and "flying" not in object:
        prompt = parse_prompt(f"a {subject} {verb}{phrase[0]} a {object}{tail}")
        assert describe(prompt) == f"{subject}|{object}|{phrase[1]}"


@given(st.text(alphabet="ab ,.'-", max_size=200))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(PromptError):
        parse_prompt(f"a cat {text} on the left of a dog")


SCENES_AT_THE_END = [
    ("A cat is on the left of a box, in a park.", "in a park"),
    ("An owl flies to the left, on a village street.", "on a village street"),
    ("A cat sits, on a table.", ""),
    ("A bird flies to the left, under a bridge.", ""),
    ("A deer runs rightwards through the forest, an owl flies leftwards above", ""),
]


@pytest.mark.parametrize(("text", "scene"), SCENES_AT_THE_END)
def test_a_scene_at_the_end(text, scene):
    assert parse_prompt(text).scene == scene


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("The rabbit gambols to the right.", "rabbit||>R"),
        ("The rabbits gambol leftwards.", "rabbits||>L"),
        ("A school bus drifts leftwards.", "school bus||>L"),
        ("The rabbit bounds to the right.", "rabbit||>R"),
    ],
)
def test_verbs_that_are_in_no_list(text, claims):
    assert "+".join(f"{c.subject}|{c.object}|{c.type}" for c in parse_prompt(text).clauses) == claims
