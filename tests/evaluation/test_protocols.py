"""Protocols: what they set, what a user may change, and the name that settings amount to."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from dsrbench.backends.protocols import PROTOCOLS, name_protocol, protocol_of
from dsrbench.backends.registry import convert_options, default_options, detectors, trackers
from dsrbench.errors import DSRBenchError, OptionError
from dsrbench.evaluation.defaults import choose_backends
from dsrbench.store import BackendRecord, RunManifest
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
    assert preset.options == {"detector": {"strict": True}, "tracker": {"inclusive": True}}
    assert preset.stride == 1


def test_the_usual_stages():
    scorer = choose_backends(detector="sprites-template").make()
    assert (scorer.detector.name, scorer.tracker.name, scorer.protocol) == ("sprites-template", "assignment", "default")
    assert (scorer.counts, scorer.stride) == (None, 1)


def test_fast_takes_any_detector():
    scorer = choose_backends("fast", detector="sprites-template", tracker="bytetrack").make()
    assert (scorer.protocol, scorer.stride, scorer.tracker.name) == ("fast", 4, "bytetrack")


def test_a_changed_option_is_no_preset():
    options = {"tracker": {"gap": "3"}}
    assert choose_backends("fast", detector="sprites-template", options=options).make().protocol == "custom"


def test_a_changed_protocol_is_no_longer_that_protocol():
    scorer = choose_backends("spatialalign", detector="sprites-template", tracker="assignment").make()
    assert scorer.protocol == "custom"
    assert scorer.counts == FrameCounts.published()
    assert scorer.detector.options == {"threshold": 0.65, "overlap": 0.4}, "its options were not for this detector"


def test_an_unknown_protocol():
    with pytest.raises(OptionError, match="no protocol 'spatialign'; did you mean 'spatialalign'"):
        choose_backends("spatialign")


@pytest.mark.parametrize(
    ("depth", "options", "message"),
    [
        ("grund-contact", {}, "no depth estimator named 'grund-contact'; did you mean 'ground-contact'"),
        ("ground-contact", {"modle": "x"}, "depth estimator 'ground-contact' has no option 'modle'"),
        (None, {"foo": "1"}, "has no option 'foo'"),
    ],
)
def test_a_depth_estimator_that_no_prompt_needs_is_checked(depth, options, message):
    with pytest.raises(DSRBenchError, match=message):
        choose_backends(depth=depth, options={"depth": options})
    assert choose_backends(depth="ground-contact").depth is None


def record(registry, name, **options):
    return BackendRecord(name, options={**default_options(registry.load(name)), **options})


PUBLISHED = FrameCounts.published()
DINO = record(detectors, "grounding-dino", strict=True)
SAM2 = record(trackers, "sam2", inclusive=True)
FORMER = {"entry": 0.12, "jump": 1.5, "memory": None, "extend": 0.4, "gap": None}  # of version 0.1
NAMES = [
    # detector, tracker, counts, stride, name
    (DINO, SAM2, PUBLISHED, 1, "spatialalign"),
    (
        dataclasses.replace(DINO, options={**DINO.options, "device": "cuda:1", "model": "mine", "batch": 2}),
        SAM2,
        PUBLISHED,
        1,
        "spatialalign",
    ),
    (dataclasses.replace(DINO, options={**DINO.options, "threshold": 0.2}), SAM2, PUBLISHED, 1, "custom"),
    (record(detectors, "grounding-dino"), SAM2, PUBLISHED, 1, "custom"),  # labels of its own
    (DINO, record(trackers, "sam2"), PUBLISHED, 1, "custom"),  # box edges of its own
    (DINO, SAM2, None, 1, "custom"),  # scaled counts
    (BackendRecord("grounding-dino", options={}), SAM2, PUBLISHED, 1, "custom"),  # does not say that it is strict
    (record(detectors, "nanodet"), record(trackers, "assignment"), PUBLISHED, 1, "custom"),
    (record(detectors, "nanodet"), record(trackers, "assignment"), None, 1, "default"),
    (record(detectors, "nanodet"), record(trackers, "assignment"), None, 4, "fast"),
    (record(detectors, "nanodet"), record(trackers, "assignment"), None, 3, "custom"),
    (record(detectors, "nanodet", any_animal=True), record(trackers, "assignment"), None, 1, "custom"),
    (record(detectors, "nanodet"), record(trackers, "assignment", samples=0), None, 1, "default"),
    (record(detectors, "nanodet"), record(trackers, "assignment", ends=0.2), None, 1, "custom"),
    (record(detectors, "nanodet"), BackendRecord("assignment", options=FORMER), None, 1, "default"),
    (record(detectors, "nanodet"), BackendRecord("assignment", options={**FORMER, "jump": 1.4}), None, 1, "custom"),
    (BackendRecord("somebodys", options={}), record(trackers, "assignment"), None, 1, "custom"),
    (BackendRecord("scripted", options={"boxes": "b.jsonl"}), record(trackers, "assignment"), None, 1, "default"),
]


@pytest.mark.parametrize(("detector", "tracker", "counts", "stride", "name"), NAMES)
def test_settings_make_the_name(detector, tracker, counts, stride, name):
    assert name_protocol(detector, tracker, counts=counts, stride=stride) == name


def test_an_old_manifest_has_the_name_of_its_settings():
    detector, tracker = record(detectors, "nanodet"), record(trackers, "assignment")
    manifest = RunManifest(protocol="spatialalign, changed", detector=detector, tracker=tracker)
    assert protocol_of(manifest) == "default"


def test_naming_a_protocol_loads_no_deep_learning_package():
    """A board names the protocol of every entry, and has none of these."""
    code = (
        "import sys\nfrom dsrbench.backends.registry import detectors, trackers\n"
        "for registry in (detectors, trackers):\n    for name in registry.names(): registry.load(name)\n"
        "print(*[name for name in ('torch', 'transformers', 'ultralytics') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
