"""Names, plug-ins, and the conversion of options; no network, no weights."""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import Path
from typing import Optional

import pytest

from dsrbench import __version__
from dsrbench.backends import registry
from dsrbench.backends.registry import Registry, convert_options, describe_options, split_options
from dsrbench.errors import BackendError, OptionError, UnknownBackendError
from dsrbench.store import BackendRecord

MODULE = '''
"""A toy plug-in."""

class Toy:
    """A detector that sees nothing."""

    def __init__(self, *, threshold: float = 0.5, weights: "Path | None" = None):
        self.threshold = threshold
        self.fingerprint = {"model": "toy"}

    def detect(self, frames, labels):
        return []


class Heir(Toy):
    pass


from pathlib import Path
'''


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution with entry points on `sys.path`, as pip would leave it."""

    def put(name, points, modules=None, version="1.2"):
        folder = tmp_path / name
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(points)
        for module, text in (modules or {}).items():
            (folder / f"{module}.py").write_text(text)
        monkeypatch.syspath_prepend(folder)

    return put


def made(**builtin):
    return Registry("detector", builtin)


def test_nothing_registered():
    empty = Registry("generator", {})
    assert empty.names() == []
    with pytest.raises(UnknownBackendError, match=r"no generator named 'wan'\. Known: none"):
        empty.load("wan")


def test_near_matches_are_named():
    with pytest.raises(UnknownBackendError, match="no detector named 'nanodt'; did you mean 'nanodet'"):
        registry.detectors.load("nanodt")
    with pytest.raises(UnknownBackendError, match=r"Known: .*assignment.*bytetrack"):
        registry.trackers.load("zzz")


def test_names_are_sorted_and_every_built_in_exists():
    for known in (registry.detectors, registry.trackers, registry.generators):
        assert known.names() == sorted(known.names())
        for name, (target, owner) in known.targets().items():
            if owner == "dsrbench":
                assert describe_options(known.load(name)) is not None, target


def test_a_plug_in_is_found_and_recorded(install):
    install("toypkg", "[dsrbench.detectors]\ntoy = toymod1:Toy\nheir = toymod1:Heir\n", {"toymod1": MODULE})
    known = made(own="dsrbench.errors:InputError")
    assert known.names() == ["heir", "own", "toy"]
    backend = known.create("toy", {"threshold": "0.25"})
    options = {"threshold": 0.25, "weights": None}
    assert backend.record() == BackendRecord("toy", "1.2", options, {"model": "toy"})
    # options of an inherited constructor are options too
    assert known.create("heir", {"threshold": "1"}).options["threshold"] == 1.0
    # the other kinds do not see it
    assert "toy" not in registry.trackers.names()


def test_what_is_built_in_has_the_version_of_this_package():
    assert made(own="test_registry:Options").create("own").version == __version__


def test_two_packages_with_one_name_collide(install):
    install("first", "[dsrbench.detectors]\ntoy = toymod2:Toy\n", {"toymod2": MODULE})
    install("second", "[dsrbench.detectors]\ntoy = other:Toy\n")
    with pytest.raises(BackendError, match=r"two detectors are named 'toy'.*uninstall one") as error:
        made().targets()
    assert "first" in str(error.value)
    assert "second" in str(error.value)


def test_a_built_in_name_cannot_be_taken(install):
    install("taker", "[dsrbench.detectors]\nnanodet = toymod3:Toy\n", {"toymod3": MODULE})
    with pytest.raises(BackendError, match=r"two detectors are named 'nanodet': .* of dsrbench.* of taker"):
        registry.detectors.names()


def test_one_package_seen_twice_is_no_collision(install, tmp_path):
    points = "[dsrbench.detectors]\ntoy = toymod4:Toy\n"
    install("twice", points, {"toymod4": MODULE})
    install("twice/again", points)
    assert made().names() == ["toy"]


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("detector", "class Toy: pass", r"detector 'toy' \(toymod9:Toy\) has no method detect"),
        ("tracker", "class Toy: pass", "has no method associate or propagate"),
        ("generator", "Toy = 3", "is no class"),
    ],
)
def test_a_plug_in_of_another_kind_is_one_error(install, monkeypatch, kind, text, message):
    monkeypatch.delitem(sys.modules, "toymod9", raising=False)
    install("other", f"[dsrbench.{kind}s]\ntoy = toymod9:Toy\n", {"toymod9": text})
    with pytest.raises(BackendError, match=message):
        Registry(kind, {}).load("toy")


BROKEN = [
    # no such module, no such class, no class named
    ("nomodule_x:Toy", None),
    ("toymod5:Nothing", "x = 1"),
    ("toymod5", "x = 1"),
    # it breaks when it is imported
    ("toymod6:Toy", "import a_package_that_is_absent"),
    ("toymod7:Toy", "this is no Python"),
    ("toymod8:Toy", "raise OSError('libcudart.so.11: cannot open shared object file')"),
]


@pytest.mark.parametrize(("target", "text"), BROKEN)
def test_a_broken_plug_in_is_one_error(install, target, text):
    install("broken", f"[dsrbench.detectors]\ntoy = {target}\n", {target.partition(":")[0]: text} if text else {})
    with pytest.raises(BackendError, match=r"detector 'toy' .* cannot be imported: "):
        made().load("toy")


class Blind:
    def detect(self, frames, labels):
        return []


class Options(Blind):
    """Every kind of option there is."""

    def __init__(
        self,
        positional: int = 0,
        *,
        share: float = 0.5,
        count: int = 3,
        flag: bool = False,
        name: str = "x",
        path: Path = Path(),
        perhaps: int | None = None,
        older: Optional[float] = None,  # noqa: UP045
        either: int | float = 1,
        folder: Path | None = None,
        pair: tuple[int, int] = (1, 2),
    ) -> None:
        self.given = count


CONVERTED = [
    # text, value
    ("share", "0.25", 0.25),
    ("share", "1", 1.0),
    ("share", "1e-3", 0.001),
    ("count", "7", 7),
    ("count", "-7", -7),
    *(("flag", text, True) for text in ("true", "True", "YES", "1")),
    *(("flag", text, False) for text in ("false", "no", "0")),
    ("name", "none", "none"),
    ("name", "3", "3"),
    ("name", "", ""),
    ("path", "a/b", Path("a/b")),
    *(("perhaps", text, None) for text in ("none", "None", "null", "")),
    ("perhaps", "4", 4),
    ("older", "none", None),
    ("older", "2.5", 2.5),
    ("either", "2", 2),
    ("either", "2.5", 2.5),
    ("folder", "x", Path("x")),
    ("folder", "none", None),
    # what is no text passes as it is
    ("share", 0.75, 0.75),
    ("pair", (3, 4), (3, 4)),
    ("perhaps", None, None),
]


@pytest.mark.parametrize(("key", "text", "value"), CONVERTED)
def test_converted(key, text, value):
    found = convert_options(Options, {key: text}, where="detector 'x'")[key]
    assert (found, type(found)) == (value, type(value))


REFUSED = [
    # unknown, near, positional
    ({"thresh": "1"}, "detector 'x' has no option 'thresh'"),
    ({"cuont": "1"}, "did you mean 'count'"),
    ({"positional": "1"}, "has no option 'positional'"),
    ({"self": "1"}, "has no option 'self'"),
    # no value of the type
    ({"count": "2.5"}, "option 'count' of detector 'x': expected int, got '2.5'"),
    ({"count": ""}, "expected int"),
    ({"share": "much"}, "expected float, got 'much'"),
    ({"flag": "maybe"}, "expected true or false, got 'maybe'"),
    ({"flag": "none"}, "expected true or false"),
    ({"perhaps": "x"}, "expected int or NoneType"),
    ({"either": "x"}, "expected int or float"),
    ({"pair": "1,2"}, "expected tuple"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_refused(options, message):
    with pytest.raises(OptionError, match=message):
        convert_options(Options, options, where="detector 'x'")


def test_not_a_number_is_a_float_for_the_backend_to_judge():
    assert math.isnan(convert_options(Options, {"share": "nan"}, where="x")["share"])


def test_a_class_without_options():
    class Plain:
        pass

    assert convert_options(Plain, {}, where="x") == {}
    with pytest.raises(OptionError, match=r"has no option 'a'\. Known: none"):
        convert_options(Plain, {"a": "1"}, where="x")


def test_dataclasses_are_backends_too():
    @dataclasses.dataclass(kw_only=True)
    class Data:
        gap: int = 5

    assert convert_options(Data, {"gap": "3"}, where="x") == {"gap": 3}


BASE = """
from __future__ import annotations
import dataclasses
from pathlib import Path
from typing import ClassVar

@dataclasses.dataclass(kw_only=True, eq=False)
class Base:
    kind: ClassVar[str] = "base"
    weights: Path | None = None
    share: float = 0.5
    high: float = 0.2

    def detect(self, frames, labels):
        return []
"""
HEIR = """
from __future__ import annotations
import dataclasses
from {base} import Base

@dataclasses.dataclass(kw_only=True, eq=False)
class Heir(Base):
    share: int | None = None
    high: float = dataclasses.field(init=False, default=0.0)
    more: bool = False

class Grandchild(Heir):
    kind = "grandchild"
"""


@pytest.mark.parametrize("name", ["Heir", "Grandchild"])
def test_options_are_inherited(install, name):
    """Each with the type and default of the last class that declares it, whatever the modules import."""
    base = f"base_of_{name.lower()}"
    install("family", f"[dsrbench.detectors]\ntoy = heir_{name}:{name}\n",
            {base: BASE, f"heir_{name}": HEIR.format(base=base)})  # fmt: skip
    cls = made().load("toy")
    assert describe_options(cls) == {
        "weights": ("Path | None", None), "share": ("int | None", None), "more": ("bool", False)
    }  # fmt: skip
    backend = made().create("toy", {"weights": "a/b", "share": "3", "more": "yes"})
    assert (backend.instance.weights, backend.instance.share, backend.instance.more) == (Path("a/b"), 3, True)
    assert backend.options == {"weights": "a/b", "share": 3, "more": True}
    with pytest.raises(OptionError, match="has no option 'high'"):
        made().create("toy", {"high": "0.1"})


def test_options_of_a_constructor_below_a_dataclass(install):
    text = (
        HEIR.format(base="base_of_own")
        + """
class Own(Heir):
    def __init__(self, *, count: int = 2):
        super().__init__(share=count)
"""
    )
    install("family", "[dsrbench.detectors]\ntoy = heir_own:Own\n", {"base_of_own": BASE, "heir_own": text})
    assert made().create("toy", {"count": "4"}).instance.share == 4


def test_options_are_described():
    described = describe_options(Options)
    assert "positional" not in described
    assert described["share"] == ("float", 0.5)
    assert described["perhaps"] == ("int | None", None)


def test_options_in_force_are_plain(install):
    backend = made(own="test_registry:Options").create("own", {"path": "a/b", "count": 9})
    assert backend.options["path"] == "a/b"
    assert backend.options["count"] == 9
    assert backend.options["share"] == 0.5
    assert backend.fingerprint == {}


SPLIT = [
    ([], {"detector": {}, "tracker": {}}),
    (["detector.a=1", "tracker.b=x=y", "detector.c="], {"detector": {"a": "1", "c": ""}, "tracker": {"b": "x=y"}}),
    # the last one of two counts
    (["detector.a=1", "detector.a=2"], {"detector": {"a": "2"}, "tracker": {}}),
]


@pytest.mark.parametrize(("pairs", "expected"), SPLIT)
def test_split(pairs, expected):
    assert split_options(pairs, ["detector", "tracker"]) == expected


@pytest.mark.parametrize("pair", ["", "a", "a=1", "detector=1", "detector.=1", "=", ".=", "detector.a"])
def test_split_refuses(pair):
    with pytest.raises(OptionError, match=r"expected an option such as detector\.threshold=0\.2"):
        split_options([pair], ["detector", "tracker"])


def test_split_names_near_kinds():
    with pytest.raises(OptionError, match=r"unknown kind 'detectr' .*did you mean 'detector'"):
        split_options(["detectr.a=1"], ["detector", "tracker"])


def test_a_path_is_its_name_where_the_fingerprint_vouches_for_the_file(install):
    backend = made(own="test_registry:Vouched").create("own", {"path": "a/b"})
    assert backend.options["path"] == "b", "where a file lies changes nothing"


class Vouched(Blind):
    def __init__(self, *, path: Path | None = None) -> None:
        self.fingerprint = {"weights": "0123"}


def test_a_constructor_that_fails_is_one_line(install):
    with pytest.raises(BackendError, match=r"^detector 'own' cannot be made: ZeroDivisionError: division by zero$"):
        made(own="test_registry:Broken").create("own")


class Broken(Blind):
    def __init__(self) -> None:
        1 / 0  # noqa: B018


class Own(Blind):
    def __init__(self, *, threshold: float = 0.5) -> None:
        self.fingerprint = {"rule": "own"}


def test_a_class_gets_a_name_in_this_process():
    registry = made(builtin="test_registry:Blind")
    registry.register("own", Own)
    assert registry.names() == ["builtin", "own"]
    backend = registry.create("own", {"threshold": "0.25"})
    assert isinstance(backend.instance, Own)
    assert backend.record() == BackendRecord("own", "unknown", {"threshold": 0.25}, {"rule": "own"})
    assert not registry.is_builtin("own")
    registry.register("own", Blind)
    assert registry.load("own") is Blind, "the newest, as a cell that runs again defines it"


class Deaf:
    pass


@pytest.mark.parametrize(
    ("name", "cls", "words"),
    [
        ("builtin", Own, "there is a detector named 'builtin' already: test_registry:Blind"),
        ("own", Deaf, "detector 'own' has no method detect"),
        ("own", 3, "detector 'own' is no class"),
    ],
)
def test_a_name_that_is_taken_and_a_class_that_is_no_backend_are_refused(name, cls, words):
    with pytest.raises(BackendError, match=f"^{words}$"):
        made(builtin="test_registry:Blind").register(name, cls)
