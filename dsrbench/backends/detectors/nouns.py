"""Which classes of a closed vocabulary stand for the nouns of a prompt, and by what liberty."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from dsrbench.errors import BackendError

COCO_CLASSES = tuple(
    """person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,parking meter,
bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,frisbee,skis,
snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,cup,fork,
knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,potted plant,bed,
dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,refrigerator,book,clock,vase,
scissors,teddy bear,hair drier,toothbrush""".replace("\n", "").split(",")
)
"""The 80 classes of COCO, in the order of the usual detectors' outputs."""

ANIMALS = ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe")
"""The animal classes of COCO: together they stand for an animal that has no class, where that is asked for."""

SYNONYMS = {
    "armchair": "chair",
    "ball": "sports ball",
    "bike": "bicycle",
    "chicken": "bird",
    "computer": "laptop",
    "crow": "bird",
    "desk": "dining table",
    "duck": "bird",
    "duckling": "bird",
    "flowerpot": "potted plant",
    "fridge": "refrigerator",
    "goose": "bird",
    "hen": "bird",
    "hydrant": "fire hydrant",
    "kitten": "cat",
    "lamb": "sheep",
    "loveseat": "couch",
    "motorbike": "motorcycle",
    "mug": "cup",
    "owl": "bird",
    "parrot": "bird",
    "phone": "cell phone",
    "pigeon": "bird",
    "plane": "airplane",
    "plant": "potted plant",
    "plant pot": "potted plant",
    "planter": "potted plant",
    "pony": "horse",
    "pot": "potted plant",
    "puppy": "dog",
    "rooster": "bird",
    "sofa": "couch",
    "sparrow": "bird",
    "stool": "chair",
    "swan": "bird",
    "table": "dining table",
    "television": "tv",
}
"""Nouns read as a class of COCO by another name (or by its kind)."""


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The classes that a closed-vocabulary detector looks for.

    Attributes:
        classes: For each label, indices of the classes that stand for it.
        liberties: Labels that are not class names themselves, with what stands for them, for the record.
    """

    classes: tuple[tuple[int, ...], ...]
    liberties: dict[str, str]


def resolve_nouns(
    labels: Sequence[str], names: Sequence[str], *, detector: str, any_animal: bool = False
) -> Vocabulary:
    """Find the classes that stand for the labels.

    A label is, in this order: a class name; a synonym (`SYNONYMS`); one of these without its first words ("small brown
    dog") or its plural s; and, if `any_animal` is set and it is the first label (the subject, which is an animal by the
    benchmark's definition), every animal class.

    Args:
        labels: The nouns asked for, subject first.
        names: The detector's class names, in the order of its outputs.
        detector: Its name, for errors.
        any_animal: Whether any animal class may stand for a subject that has none.

    Raises:
        BackendError: No class stands for a label, or one class stands for two.

    >>> resolve_nouns(["fox", "red sofa"], COCO_CLASSES, detector="nanodet", any_animal=True).liberties
    {'fox': 'any animal', 'red sofa': 'couch'}
    """
    index = {name.lower(): i for i, name in enumerate(names)}
    classes: list[tuple[int, ...]] = []
    liberties: dict[str, str] = {}
    for position, label in enumerate(labels):
        name = next((n for n in _readings(label) if n in index), None)
        if name is not None:
            classes.append((index[name],))
            if name != label.lower():
                liberties[label] = name
        elif any_animal and position == 0 and any(animal in index for animal in ANIMALS):
            classes.append(tuple(index[animal] for animal in ANIMALS if animal in index))
            liberties[label] = "any animal"
        else:
            hint = "" if any_animal or position else "; -o detector.any_animal=true lets any animal stand for it"
            raise BackendError(f"{detector} has no class for {label!r} among its {len(names)}{hint}")
    if len(set(classes)) < len(classes):
        raise BackendError(f"{detector} sees {' and '.join(map(repr, labels))} as one class, {names[classes[0][0]]!r}")
    return Vocabulary(tuple(classes), liberties)


def _readings(label: str) -> Iterator[str]:
    words = label.lower().split()
    for start in range(len(words)):
        rest = " ".join(words[start:])
        for name in (rest, rest.removesuffix("s"), rest.removesuffix("es")):
            yield name
            if name in SYNONYMS:
                yield SYNONYMS[name]
