"""Protocols: what they set, what a user may change, and what is recorded of it."""

from __future__ import annotations

import pytest

from dsrbench.errors import OptionError
from dsrbench.pipeline.protocols import PROTOCOLS, make_stages
from dsrbench.registry import convert_options, detectors, trackers
from dsrbench.types import FrameCounts


def test_every_protocol_names_backends_and_options_there_are():
    for preset in PROTOCOLS.values():
        for registry, name in ((detectors, preset.detector), (trackers, preset.tracker)):
            if name is not None:
                convert_options(registry.load(name), preset.options[registry.kind], where=name)


def test_the_published_protocol():
    preset = PROTOCOLS["spatialalign"]
    assert (preset.detector, preset.tracker) == ("grounding-dino", "sam2")
    assert preset.counts == FrameCounts.published()
    assert preset.options == {"detector": {"strict": "true"}, "tracker": {"inclusive": "true"}}
    assert preset.stride == 1


def test_the_usual_stages():
    stages = make_stages(usual_detector="sprites-template")
    assert (stages.detector.name, stages.tracker.name, stages.protocol) == ("sprites-template", "assignment", "default")
    assert (stages.counts, stages.stride) == (None, 1)


def test_fast_takes_any_detector():
    stages = make_stages("fast", detector="sprites-template", tracker="bytetrack", options={"tracker": {"gap": "3"}})
    assert (stages.protocol, stages.stride, stages.tracker.name) == ("fast", 4, "bytetrack")


def test_a_changed_protocol_is_no_longer_that_protocol():
    stages = make_stages("spatialalign", detector="sprites-template", tracker="assignment")
    assert stages.protocol == "spatialalign, changed"
    assert stages.counts == FrameCounts.published()
    assert stages.detector.options == {"threshold": 0.65, "overlap": 0.4}, "its options were not for this detector"


def test_an_unknown_protocol():
    with pytest.raises(OptionError, match="no protocol 'spatialign'; did you mean 'spatialalign'"):
        make_stages("spatialign")
