"""Which classes stand for which nouns, and which nouns nothing stands for."""

from __future__ import annotations

import pytest

from dsrbench.backends.detectors.nouns import ANIMALS, COCO_CLASSES, SYNONYMS, resolve_nouns
from dsrbench.errors import BackendError

READINGS = [
    # the class itself, in any case
    pytest.param("cat", "cat", id="class"),
    pytest.param("Cat", "cat", id="capital"),
    pytest.param("dining table", "dining table", id="two-words"),
    # another name of it
    pytest.param("sofa", "couch", id="synonym"),
    pytest.param("plant pot", "potted plant", id="synonym-of-two-words"),
    # words before the noun are dropped, the noun itself is not
    pytest.param("small brown dog", "dog", id="adjectives"),
    pytest.param("red leather sofa", "couch", id="adjectives-and-synonym"),
    pytest.param("old wooden dining table", "dining table", id="adjectives-and-two-words"),
    # plurals
    pytest.param("cats", "cat", id="plural"),
    pytest.param("two benches", "bench", id="plural-es"),
    pytest.param("ducks", "bird", id="plural-synonym"),
    pytest.param("skis", "skis", id="class-that-is-plural"),
    # the longest reading wins: a hot dog is no dog
    pytest.param("hot dog", "hot dog", id="longest"),
]


@pytest.mark.parametrize(("noun", "name"), READINGS)
def test_a_noun_is_read_as(noun, name):
    found = resolve_nouns([noun], COCO_CLASSES, detector="toy")
    assert found.classes == ((COCO_CLASSES.index(name),),)
    assert found.liberties == ({} if noun.lower() == name else {noun: name})


@pytest.mark.parametrize("noun", ["fox", "hamster", "cat tree", "dogma", "table leg", "s", ""])
def test_a_noun_without_class_is_refused_with_advice(noun):
    with pytest.raises(BackendError, match=r"toy has no class for .*any_animal=true") as caught:
        resolve_nouns([noun, "chair"], COCO_CLASSES, detector="toy")
    assert "\n" not in str(caught.value)


def test_any_animal_stands_for_the_subject_only():
    found = resolve_nouns(["fox", "chair"], COCO_CLASSES, detector="toy", any_animal=True)
    assert found.classes[0] == tuple(COCO_CLASSES.index(animal) for animal in ANIMALS)
    assert found.classes[1] == (COCO_CLASSES.index("chair"),)
    assert found.liberties == {"fox": "any animal"}
    with pytest.raises(BackendError, match="no class for 'rock'") as caught:
        resolve_nouns(["fox", "rock"], COCO_CLASSES, detector="toy", any_animal=True)
    assert "any_animal" not in str(caught.value)


def test_any_animal_leaves_known_animals_alone():
    found = resolve_nouns(["cat", "chair"], COCO_CLASSES, detector="toy", any_animal=True)
    assert found.classes == ((COCO_CLASSES.index("cat"),), (COCO_CLASSES.index("chair"),))
    assert found.liberties == {}


def test_any_animal_needs_animals_among_the_classes():
    assert resolve_nouns(["fox"], ["chair", "dog"], detector="toy", any_animal=True).classes == ((1,),)
    with pytest.raises(BackendError, match="no class for 'fox'"):
        resolve_nouns(["fox"], ["chair", "car"], detector="toy", any_animal=True)


def test_two_nouns_of_one_class_are_refused():
    with pytest.raises(BackendError, match="'sofa' and 'couch' as one class, 'couch'"):
        resolve_nouns(["sofa", "couch"], COCO_CLASSES, detector="toy")


def test_class_names_of_any_case_are_found():
    assert resolve_nouns(["fox"], ["Chair", "Fox"], detector="toy").classes == ((1,),)


def test_the_tables_fit_together():
    assert len(COCO_CLASSES) == len(set(COCO_CLASSES)) == 80
    assert (COCO_CLASSES[0], COCO_CLASSES[15], COCO_CLASSES[56], COCO_CLASSES[79]) == (
        "person",
        "cat",
        "chair",
        "toothbrush",
    )
    assert set(ANIMALS) < set(COCO_CLASSES)
    assert set(SYNONYMS.values()) < set(COCO_CLASSES)
    assert not set(SYNONYMS) & set(COCO_CLASSES)
