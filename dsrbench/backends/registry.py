"""The three registries of backends.

A backend is a class. The built-in backends are listed below as "module:Class" and imported on first use; other packages
add theirs through the entry-point groups `dsrbench.generators`, `dsrbench.detectors`, `dsrbench.trackers` and
`dsrbench.depth_estimators`. The options of a backend are the keyword-only arguments of its constructor with their
defaults, written out or generated from the fields of a dataclass and of its bases.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.metadata
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from dsrbench import __version__
from dsrbench.backends.base import (
    KINDS,
    AssociationTracker,
    BaseBackend,
    BoxDepthEstimator,
    DepthEstimator,
    Detector,
    Generator,
    PropagationTracker,
    complete_class,
)
from dsrbench.errors import BackendError, DSRBenchError, OptionError, UnknownBackendError, near_matches
from dsrbench.records import hash_json
from dsrbench.store.manifest import BackendRecord

B = TypeVar("B", bound=BaseBackend)


@dataclasses.dataclass(frozen=True)
class Backend(Generic[B]):
    """A constructed backend with everything that is recorded about it.

    Attributes:
        name: The registered name.
        instance: The constructed object.
        version: Version of the package that provides the backend.
        options: Every option in force, defaults included, as JSON values.
        fingerprint: Identity of weights and libraries, from the instance's attribute `fingerprint`.
        arguments: Arguments the instance was constructed with; another process constructs an equal one from them.
    """

    name: str
    instance: B
    version: str
    options: dict[str, Any]
    fingerprint: dict[str, Any]
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        complete_class(type(self.instance))

    def maker(self) -> Callable[[], Backend[B]]:
        """Return a function that constructs an equal backend in another process; it holds no weights and no handles."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return functools.partial(_make_equal, type(self.instance), **{**fields, "instance": None})

    @functools.cached_property
    def digest(self) -> str:
        """Short hash of `record`, 32 hexadecimal digits, for cache keys."""
        return hash_json(dataclasses.asdict(self.record()))[:32]

    def record(self) -> BackendRecord:
        """Return the record of the backend for manifests and cache keys."""
        return BackendRecord(self.name, self.version, self.options, self.fingerprint)


def _make_equal(cls: type[B], **fields: Any) -> Backend[B]:
    """Construct the backend of another process.

    Raises:
        BackendError: It cannot be constructed here, or has other weights here.
    """
    complete_class(cls)
    instance = _construct(cls, fields["arguments"], f"backend {fields['name']!r}")
    here = dict(instance.fingerprint)
    if here != fields["fingerprint"]:
        raise BackendError(
            f"backend {fields['name']!r} has other weights or libraries here ({here}) than where the run was started "
            f"({fields['fingerprint']}); install the same on every machine"
        )
    return Backend(**{**fields, "instance": instance})


def _construct(cls: type[B], arguments: Mapping[str, Any], what: str) -> B:
    try:
        return cls(**arguments)
    except DSRBenchError:
        raise
    except Exception as error:  # code of another package may raise any error
        raise BackendError(f"{what} cannot be made: {type(error).__name__}: {error}") from error


class Registry(Generic[B]):
    """Registry of the backend classes of one kind, by name.

    Args:
        kind: Kind in the names of options: `detector`, `tracker`, `generator` or `depth`.
        builtin: "module:Class" of each built-in backend, by name.
        noun: Word for a backend of this kind, in messages and in the entry-point group; by default the kind.
    """

    def __init__(self, kind: str, builtin: Mapping[str, str], *, noun: str = "") -> None:
        self.kind = kind
        self.noun = noun or kind
        self._builtin = dict(builtin)
        self._registered: dict[str, type[B]] = {}

    def register(self, name: str, cls: type[B]) -> None:
        """Give a class a name in this process, as an entry point of an installed package does in every process.

        Args:
            name: The name; one that was registered before gets the new class.
            cls: The class, with the methods that its kind must have. Its attribute `fingerprint` tells its results from
                those of another version.

        Raises:
            BackendError: The name is that of a built-in or installed backend, or the class lacks a method.
        """
        if name in self.targets() and name not in self._registered:
            raise BackendError(f"there is a {self.noun} named {name!r} already: {self.targets()[name][0]}")
        self._check(cls, f"{self.noun} {name!r}")
        self._registered[name] = cls

    def targets(self) -> dict[str, tuple[str, str]]:
        """Map every known name to its "module:Class" and the distribution that provides it.

        Raises:
            BackendError: Two packages claim one name.
        """
        targets = {name: (target, "dsrbench") for name, target in self._builtin.items()}
        for name, cls in self._registered.items():
            targets[name] = (f"{cls.__module__}:{cls.__qualname__}", "unknown")
        for point in importlib.metadata.entry_points(group=f"dsrbench.{self.noun.replace(' ', '_')}s"):
            owner = point.dist.name if point.dist else "unknown"
            if point.name in targets and targets[point.name] != (point.value, owner):
                other = targets[point.name]
                raise BackendError(
                    f"two {self.noun}s are named {point.name!r}: {other[0]} of {other[1]}, {point.value} of {owner}; "
                    f"uninstall one of them"
                )
            targets[point.name] = (point.value, owner)
        return dict(sorted(targets.items()))

    def names(self) -> list[str]:
        """List every known name, sorted."""
        return list(self.targets())

    def is_builtin(self, name: str) -> bool:
        """Tell whether this package itself provides a backend of that name."""
        return name in self._builtin

    def load(self, name: str) -> type[B]:
        """Import the class registered as `name`.

        Raises:
            UnknownBackendError: There is no such name; near matches are listed.
            BackendError: The module cannot be imported, or the class lacks a method that its kind must have.
        """
        targets = self.targets()
        if name not in targets:
            raise UnknownBackendError(f"no {self.noun} named {name!r}{near_matches(name, targets)}")
        what = f"{self.noun} {name!r} ({targets[name][0]})"
        if name in self._registered:
            return self._check(self._registered[name], what)
        module, _, attribute = targets[name][0].partition(":")
        try:
            cls = getattr(importlib.import_module(module), attribute)
        except Exception as error:  # a module of another package may raise any error, such as for a missing library
            raise BackendError(f"{what} cannot be imported: {error}") from error
        return self._check(cls, what)

    def _check(self, cls: Any, what: str) -> type[B]:
        """Return a class with the defaults of its kind, if it is a class and has the methods that the kind needs."""
        if not isinstance(cls, type):
            raise BackendError(f"{what} is no class")
        complete_class(cls)
        if not issubclass(cls, KINDS[self.kind]):
            methods = " or ".join(sorted(method for kind in KINDS[self.kind] for method in kind.__abstractmethods__))
            raise BackendError(f"{what} has no method {methods}")
        return typing.cast("type[B]", cls)

    def convert(self, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Convert the texts among a user's options of a backend to each option's type; errors as for `create`."""
        return convert_options(self.load(name), options, where=f"{self.noun} {name!r}")

    def create(self, name: str, options: Mapping[str, Any] | None = None) -> Backend[B]:
        """Construct a backend from its name and the user's options.

        Args:
            name: A registered name.
            options: Options that differ from the backend's defaults; texts are converted to each option's type.

        Raises:
            UnknownBackendError: There is no such name.
            OptionError: The backend lacks an option, or a value has the wrong type.
            BackendError: The constructor failed.
        """
        cls, arguments = self.load(name), self.convert(name, options or {})
        instance = _construct(cls, arguments, f"{self.noun} {name!r}")
        fingerprint = dict(instance.fingerprint)
        in_force = {key: arguments.get(key, parameter.default) for key, parameter in _options(cls).items()}
        owner = self.targets()[name][1]
        try:
            version = __version__ if owner == "dsrbench" else importlib.metadata.version(owner)
        except importlib.metadata.PackageNotFoundError:
            version = "unknown"
        return Backend(
            name=name,
            instance=instance,
            version=version,
            options={key: _plain(value, vouched=bool(fingerprint)) for key, value in in_force.items()},
            fingerprint=fingerprint,
            arguments=arguments,
        )


def split_options(pairs: Iterable[str], kinds: Sequence[str]) -> dict[str, dict[str, str]]:
    """Sort `kind.key=value` texts by kind.

    Raises:
        OptionError: A text has another form, or an unknown kind.

    >>> split_options(["detector.threshold=0.2"], ["detector", "tracker"])
    {'detector': {'threshold': '0.2'}, 'tracker': {}}
    """
    sorted_options: dict[str, dict[str, str]] = {kind: {} for kind in kinds}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        kind, dot, option = key.partition(".")
        if not (equals and dot and option):
            raise OptionError(f"expected an option such as {kinds[0]}.threshold=0.2, got {pair!r}")
        if kind not in sorted_options:
            raise OptionError(f"unknown kind {kind!r} in option {pair!r}{near_matches(kind, kinds)}")
        sorted_options[kind][option] = value
    return sorted_options


def convert_options(cls: type, options: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """Check options against the keyword-only arguments of a class and convert texts to their annotated types.

    Raises:
        OptionError: A key is unknown (near matches are named), or a text is no value of the annotated type.
    """
    parameters = _options(cls)
    hints = _option_types(cls) if parameters else {}
    converted = {}
    for key, value in options.items():
        if key not in parameters:
            raise OptionError(f"{where} has no option {key!r}{near_matches(key, parameters)}")
        converted[key] = convert_text(value, hints.get(key, str), f"option {key!r} of {where}")
    return converted


def describe_options(cls: type) -> dict[str, tuple[str, Any]]:
    """Return the type and default of every option of a backend class, for listings."""
    return {
        key: (str(parameter.annotation), None if parameter.default is parameter.empty else parameter.default)
        for key, parameter in _options(cls).items()
    }


def default_options(cls: type) -> dict[str, Any]:
    """Return the options of a backend class that have a default, with the defaults as recorded in manifests."""
    parameters = _options(cls).items()
    return {key: _plain(p.default, vouched=False) for key, p in parameters if p.default is not p.empty}


def _options(cls: type) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(cls).parameters
    return {name: p for name, p in parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}


def _option_types(cls: type) -> dict[str, Any]:
    """Return the types of the arguments of a class's constructor.

    The fields of a dataclass are resolved in the module of the class that declares them, because the generated
    constructor has no reference to those modules.
    """
    init = inspect.getattr_static(cls, "__init__")
    owner = next(base for base in cls.__mro__ if vars(base).get("__init__") is init)
    dataclass_parameters = vars(owner).get("__dataclass_params__")
    return typing.get_type_hints(owner if dataclass_parameters is not None and dataclass_parameters.init else init)


def convert_text(value: Any, hint: Any, what: str) -> Any:
    """Convert a text to a value of an annotated type; other values are returned unchanged.

    Args:
        value: Text, or a value that needs no conversion.
        hint: `bool`, `int`, `float`, `Path`, `str`, or a union of these and None.
        what: Name of the value in the error.

    Raises:
        OptionError: The text is no value of that type.

    >>> convert_text("0.5", float, "a share"), convert_text("none", int | None, "a count")
    (0.5, None)
    """
    accepted = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    if not isinstance(value, str):
        return value
    if type(None) in accepted and value.lower() in ("none", "null", ""):
        return None
    if bool in accepted:
        truth = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(value.lower())
        if truth is None:
            raise OptionError(f"{what}: expected true or false, got {value!r}")
        return truth
    for kind in (int, float, Path):
        if kind in accepted:
            try:
                return kind(value)
            except ValueError:
                continue
    if str in accepted:
        return value
    names = " or ".join(getattr(k, "__name__", str(k)) for k in accepted)
    raise OptionError(f"{what}: expected {names}, got {value!r}")


def _plain(value: Any, *, vouched: bool) -> Any:
    """Return an option as recorded; of a path only its name, if the fingerprint identifies its content."""
    if vouched and (
        isinstance(value, Path) or (isinstance(value, str) and value and Path(value).expanduser().is_dir())
    ):
        return Path(value).expanduser().resolve().name
    return value if isinstance(value, bool | int | float | str | type(None)) else str(value)


generators: Registry[Generator] = Registry(
    "generator",
    {
        "sprites": "dsrbench.backends.generators.sprites:Sprites",
        "sprites-depth": "dsrbench.backends.generators.sprites:SpritesWithDepth",
        "diffusers": "dsrbench.backends.generators.pipelines:Pipelines",
        "http": "dsrbench.backends.generators.http:Http",
    },
)
"""Registry of the generators."""

detectors: Registry[Detector] = Registry(
    "detector",
    {
        "nanodet": "dsrbench.backends.detectors.grid_detectors:NanoDet",
        "picodet": "dsrbench.backends.detectors.grid_detectors:PicoDet",
        "yolo": "dsrbench.backends.detectors.yolo:Yolo",
        "yolo-world": "dsrbench.backends.detectors.yolo_vocabulary:YoloWorld",
        "yoloe": "dsrbench.backends.detectors.yolo_vocabulary:Yoloe",
        "grounding-dino": "dsrbench.backends.detectors.grounding_dino:GroundingDino",
        "owlv2": "dsrbench.backends.detectors.zero_shot:Owlv2",
        "omdet-turbo": "dsrbench.backends.detectors.zero_shot:OmDetTurbo",
        "sam3": "dsrbench.backends.detectors.zero_shot:Sam3",
        "detr": "dsrbench.backends.detectors.detr:Detr",
        "scripted": "dsrbench.backends.detectors.scripted:Scripted",
        "sprites": "dsrbench.backends.detectors.sprites:SpritesDetector",
        "sprites-template": "dsrbench.backends.detectors.sprites_template:SpritesTemplate",
    },
)
"""Registry of the detectors."""

trackers: Registry[AssociationTracker | PropagationTracker] = Registry(
    "tracker",
    {
        "assignment": "dsrbench.backends.trackers.assignment:Assignment",
        "bytetrack": "dsrbench.backends.trackers.roboflow:ByteTrack",
        "botsort": "dsrbench.backends.trackers.roboflow:BotSort",
        "ocsort": "dsrbench.backends.trackers.roboflow:OcSort",
        "sort": "dsrbench.backends.trackers.roboflow:Sort",
        "ultralytics-bytetrack": "dsrbench.backends.trackers.ultralytics_trackers:UltralyticsByteTrack",
        "ultralytics-botsort": "dsrbench.backends.trackers.ultralytics_trackers:UltralyticsBotSort",
        "sam2": "dsrbench.backends.trackers.sam:Sam2",
        "sam3": "dsrbench.backends.trackers.sam:Sam3Tracker",
        "edgetam": "dsrbench.backends.trackers.sam:EdgeTam",
    },
)
"""Registry of the trackers."""

depth_estimators: Registry[DepthEstimator | BoxDepthEstimator] = Registry(
    "depth",
    {
        "depth-anything": "dsrbench.backends.depth.depth_anything:DepthAnything",
        "sprites": "dsrbench.backends.depth.sprites:SpritesDepth",
        "ground-contact": "dsrbench.backends.depth.ground_contact:GroundContact",
        "scripted": "dsrbench.backends.depth.scripted:ScriptedDepth",
    },
    noun="depth estimator",
)
"""Registry of the depth estimators."""
