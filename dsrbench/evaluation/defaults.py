"""Default choices: the suites, the detector and the protocol that a model is evaluated and aligned with."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Iterable, Mapping
from typing import Any

from dsrbench.backends.protocols import PROTOCOLS, Options, Protocol, name_protocol
from dsrbench.backends.registry import Registry, depth_estimators, detectors, trackers
from dsrbench.errors import OptionError, near_matches
from dsrbench.evaluation.scorer import Scorer
from dsrbench.evaluation.weights import Request
from dsrbench.types import Prompt

EMBEDDED = "sprites"
"""Name of the embedded model, of its suite and of its detector."""

EMBEDDED_DEPTH = "sprites-depth"
"""Name of the embedded model for prompts with depth, and of its suite."""

CPU_DETECTOR = "nanodet"
"""Detector for videos of any model where no GPU is used."""

TRACKER = "assignment"

DEPTH = "depth-anything"
"""Depth estimator for prompts that need one, where its packages are installed."""

CPU_DEPTH = "ground-contact"
"""Depth estimator where they are not."""

SECOND_DETECTOR = "second_detector"
"""Kind of the second detector's options, as in `-o second_detector.any_animal=true`."""


@dataclasses.dataclass(frozen=True)
class Defaults:
    """Choices of a command that the user left open.

    Attributes:
        suite: Prompts of `eval`.
        held_out: Prompts that `align` compares base and adapter on.
        train: Prompts that `align` trains on.
        validation: Prompts that `align` validates checkpoints on.
        detector: Detector where neither the user nor the protocol names one.
        protocol: Name of a protocol.
        reason: Reason for the detector and the protocol, in a few words.
        depth: Depth estimator of prompts that need one, where the user names none.
        depth_reason: Reason for it, in a few words.
    """

    suite: str
    held_out: str
    train: str
    validation: str
    detector: str
    protocol: str
    reason: str
    depth: str = CPU_DEPTH
    depth_reason: str = "for depth maps, pip install 'dsrbench[hf]'"

    def describe(self) -> str:
        """Say which protocol or detector is the default, and why."""
        what = f"detector {self.detector}" if self.protocol == "default" else f"protocol {self.protocol}"
        return f"{what} ({self.reason})"

    def describe_depth(self) -> str:
        """Say which depth estimator is the default, and why."""
        return f"depth {self.depth} ({self.depth_reason})"


def follow_model(generator: str, options: Mapping[str, str]) -> Defaults:
    """Choose the defaults that suit a model.

    The embedded model has suites and a detector of its own. A model of diffusers on a GPU is scored by the published
    protocol where the packages for it are installed. All other models are scored by a detector that needs no GPU.

    Args:
        generator: Name of the generator that makes the videos.
        options: Options of the generator that the user gave, as text.

    Raises:
        OptionError: The generator's device cannot be used.

    >>> follow_model("sprites", {}).suite, follow_model("http", {}).train
    ('sprites', 'dsr-train:train')
    >>> follow_model("sprites-depth", {}).held_out
    'sprites-depth-test'
    """
    if generator in (EMBEDDED, EMBEDDED_DEPTH):
        names = (generator, f"{generator}-test", f"{generator}-train", f"{generator}-val")
        reason = "the embedded model has its own detector"
        defaults = Defaults(*names, detector=EMBEDDED, protocol="default", reason=reason)
        return dataclasses.replace(
            defaults, depth=EMBEDDED, depth_reason="the embedded world has its own depth network"
        )
    suites = ("dsr-core", "dsr-core", "dsr-train:train", "dsr-train:validation")
    cpu = Defaults(*suites, detector=CPU_DETECTOR, protocol="default", reason="")
    if _has_packages("torch", "torchvision", "transformers"):
        reason = "some prompts say in front of or behind"
        cpu = dataclasses.replace(cpu, depth=DEPTH, depth_reason=reason)
    if generator != "diffusers":
        return dataclasses.replace(cpu, reason=f"generator {generator} uses no GPU of this machine")
    if not _has_packages("torch") or not _is_gpu(options.get("device")):
        return dataclasses.replace(cpu, reason="no GPU is used")
    if not _has_packages("transformers", "torchvision", "timm"):
        reason = "for the published protocol on this GPU, pip install 'dsrbench[hf]'"
        return dataclasses.replace(cpu, reason=reason)
    return dataclasses.replace(cpu, protocol="spatialalign", reason="a model of diffusers on a GPU")


def follow_suite(suite: str) -> Defaults:
    """Choose the defaults for videos that exist, of which only the suite is known.

    >>> follow_suite("sprites-val").detector, follow_suite("dsr-core").detector
    ('sprites', 'nanodet')
    """
    if suite == EMBEDDED or suite.startswith(f"{EMBEDDED}-"):
        model = EMBEDDED_DEPTH if suite.startswith(EMBEDDED_DEPTH) else EMBEDDED
        return dataclasses.replace(follow_model(model, {}), reason="the suite is of the embedded model's world")
    return dataclasses.replace(follow_model("", {}), reason="it needs no GPU; see --protocol for others")


def _is_gpu(device: str | None) -> bool:
    from dsrbench.backends.pretrained.devices import check_device

    return check_device(device).partition(":")[0] == "cuda"


def _has_packages(*names: str) -> bool:
    return all(importlib.util.find_spec(name) is not None for name in names)


@dataclasses.dataclass(frozen=True)
class Choice:
    """Backends that were chosen and not yet made.

    Attributes:
        preset: The protocol they follow.
        detector: Name and options of the detector.
        tracker: Name and options of the tracker.
        second: Name and options of the second detector; None for none.
        depth: Name and options of the depth estimator; None where no prompt needs one.
    """

    preset: Protocol
    detector: Request
    tracker: Request
    second: Request | None = None
    depth: Request | None = None

    @property
    def backends(self) -> list[Request]:
        """Every backend whose weights must be there."""
        return [self.detector, self.tracker, *(request for request in (self.second, self.depth) if request is not None)]

    def make(self) -> Scorer:
        """Make the backends, and record them under the name of the protocol that they amount to.

        The second detector changes no score, so that it is not part of the protocol.

        Raises:
            OptionError: An option no backend has, or a second detector that is the first one again.
            BackendError: A backend that cannot be used, or that does not suit the protocol.
        """
        tracker, detector = self.tracker.make(), self.detector.make()
        second = self.second.make() if self.second is not None else None
        depth = self.depth.make() if self.depth is not None else None
        if second is not None and second.digest == detector.digest:
            raise OptionError(
                f"the second detector is {detector.name!r} with the options of the first: give another one"
            )
        counts, stride = self.preset.counts, self.preset.stride
        name = name_protocol(detector.record(), tracker.record(), counts=counts, stride=stride)
        return Scorer(detector, tracker, counts=counts, stride=stride, protocol=name, second=second, depth=depth)


def choose_backends(
    protocol: str | None = None,
    *,
    detector: str | None = None,
    tracker: str | None = None,
    second_detector: str | None = None,
    depth: str | None = None,
    prompts: Iterable[Prompt] = (),
    options: Options | None = None,
    defaults: Defaults | None = None,
) -> Choice:
    """Choose the backends of a protocol, with what the user asks for in its place.

    Args:
        protocol: Name of the protocol; by default that of `defaults`, unless a detector or a tracker is named.
        detector: Detector in place of the protocol's.
        tracker: Tracker in place of the protocol's.
        second_detector: Detector whose disagreement with the first is part of the certainty.
        depth: Depth estimator in place of the default one.
        prompts: Prompts of the evaluation; without one that needs depth, there is no depth estimator.
        options: Options of `detector`, `tracker`, `second_detector` and `depth`, as `split_options` sorts them.
        defaults: Backends where neither protocol nor user names one; by default those that need no GPU.

    Raises:
        OptionError: No such protocol, options of a second detector that is not named, or an option that the depth
            estimator does not have.
        UnknownBackendError: No such depth estimator.
    """
    usual = defaults or follow_suite("")
    name = protocol or (usual.protocol if detector is None and tracker is None else "default")
    if name not in PROTOCOLS:
        raise OptionError(f"no protocol {name!r}{near_matches(name, PROTOCOLS)}")
    preset, choices = PROTOCOLS[name], options or {}

    def request(registry: Registry[Any], own: str | None, chosen: str) -> Request:
        fixed = preset.options.get(registry.kind, {}) if chosen == own else {}
        return Request(registry, chosen, {**fixed, **choices.get(registry.kind, {})})

    check_second_detector(second_detector, choices)
    second = None
    if second_detector is not None:
        second = Request(detectors, second_detector, choices.get(SECOND_DETECTOR, {}))
    deep = request(depth_estimators, None, depth or usual.depth)
    if depth is not None or deep.options:
        deep.check()
    return Choice(
        preset,
        request(detectors, preset.detector, detector or preset.detector or usual.detector),
        request(trackers, preset.tracker, tracker or preset.tracker or TRACKER),
        second,
        deep if any(prompt.needs_depth for prompt in prompts) else None,
    )


def check_second_detector(name: str | None, options: Options) -> None:
    """Check that options of a second detector come with its name.

    Raises:
        OptionError: They do not.
    """
    if name is None and options.get(SECOND_DETECTOR):
        option = next(iter(options[SECOND_DETECTOR]))
        raise OptionError(
            f"option {SECOND_DETECTOR}.{option} needs a second detector: --second-detector NAME, or second_detector="
        )
