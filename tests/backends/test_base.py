"""The defaults of backends, and classes of other packages that only look like backends."""

from __future__ import annotations

import pytest

from dsrbench.backends.base import (
    AssociationTracker,
    BaseBackend,
    Detector,
    Generator,
    PropagationTracker,
    complete_class,
)
from dsrbench.backends.registry import Backend
from dsrbench.types import Detections


class Blind(Detector):
    """A detector that derives from the base class, and has nothing but what it must have."""

    def detect(self, frames, labels):
        return [Detections.none() for _ in frames]


def look_alike(*methods, **attributes):
    """A class with these methods that derives from nothing."""
    return type("LookAlike", (), {**{name: lambda self, *given, **named: None for name in methods}, **attributes})


def test_a_class_without_its_method_cannot_be_made():
    for kind in (Generator, Detector, AssociationTracker, PropagationTracker):
        with pytest.raises(TypeError, match="abstract"):
            kind()


def test_the_defaults_of_a_detector():
    blind = Blind()
    assert (blind.extra, blind.hub_model, blind.weight_files, dict(blind.fingerprint)) == ("", None, (), {})
    assert (blind.placement(), blind.needs_all_frames) == (("cpu", "float32"), False)
    assert (blind.check_labels(["cat", "box"]), blind.start_video("a.mp4")) == ({}, None)


KINDS = [
    ("generate", Generator, {"batch": 1, "independent": False, "notes": ()},
     {"check_prompt": (None,), "footprint": ()}),
    ("detect", Detector, {"needs_all_frames": False}, {"start_video": ("a.mp4",)}),
    ("associate", AssociationTracker, {"extra": ""}, {}),
    ("propagate", PropagationTracker, {"extra": ""}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "kind", "attributes", "calls"), KINDS)
def test_a_look_alike_is_completed(method, kind, attributes, calls):
    cls = look_alike(method)
    assert not issubclass(cls, BaseBackend)
    instance = Backend("toy", cls(), "1", {}, {}).instance
    assert type(instance) is cls
    others = {Generator, Detector, AssociationTracker, PropagationTracker} - {kind}
    assert isinstance(instance, kind)
    assert not isinstance(instance, tuple(others))
    assert {name: getattr(instance, name) for name in attributes} == attributes
    assert [getattr(instance, name)(*given) for name, given in calls.items()] == [None] * len(calls)
    assert instance.placement() == ("cpu", "float32")


def test_what_a_look_alike_has_stays():
    cls = look_alike("generate", batch=4, placement=lambda self: ("cuda", "float16"))
    cls.__init__ = lambda self: setattr(self, "notes", ("slow",))
    complete_class(cls)
    complete_class(cls)
    made = cls()
    assert (made.batch, made.placement(), made.notes, made.independent) == (4, ("cuda", "float16"), ("slow",), False)


def test_a_look_alike_of_two_kinds_and_one_with_slots():
    both = look_alike("detect", "generate", __slots__=())
    complete_class(both)
    assert issubclass(both, Detector)
    assert issubclass(both, Generator)
    assert (both().batch, both().needs_all_frames) == (1, False)


def test_what_looks_like_no_backend_is_left_alone():
    cls = look_alike("paint")
    complete_class(cls)
    complete_class(object)
    assert not issubclass(cls, BaseBackend)
    assert not hasattr(cls, "placement")
