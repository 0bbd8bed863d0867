"""Which versions of other packages this one declares to work with, and which of them are installed here.

The ranges are read from the package's own metadata, so that they stand in one place.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
from collections.abc import Iterable

from dsrbench.errors import UnsupportedVersionError


@dataclasses.dataclass(frozen=True)
class Requirement:
    """A package that dsrbench needs.

    Attributes:
        package: Name of the package, as in the metadata.
        versions: Versions that are supported, such as `>=17`; empty for any.
        extra: The extra that needs it; empty for a package that is always needed.
    """

    package: str
    versions: str
    extra: str = ""

    def allows(self, version: str) -> bool:
        """Tell whether a version is in the range.

        >>> Requirement("av", ">=17").allows("17.0.1"), Requirement("av", ">=17").allows("16.1.0")
        (True, False)
        """
        from packaging.specifiers import SpecifierSet

        return SpecifierSet(self.versions).contains(version, prereleases=True)

    @property
    def pip_command(self) -> str:
        """The command that installs a version in the range.

        >>> Requirement("av", ">=17").pip_command
        "pip install 'av>=17'"
        """
        return f"pip install '{self.package}{self.versions}'"


def package_version(package: str) -> str | None:
    """Return the installed version of a package, or None.

    >>> package_version("no-such-package") is None
    True
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that are installed, in the order given.

    >>> list(installed_versions(["numpy", "no-such-package"]))
    ['numpy']
    """
    versions = {package: package_version(package) for package in packages}
    return {package: version for package, version in versions.items() if version is not None}


@functools.cache
def declared_requirements() -> tuple[Requirement, ...]:
    """Read what the package's metadata declares; nothing where it was never installed."""
    from packaging.requirements import Requirement as Parsed

    try:
        lines = importlib.metadata.requires("dsrbench") or []
    except importlib.metadata.PackageNotFoundError:
        return ()
    parsed = [Parsed(line) for line in lines]
    return tuple(
        Requirement(one.name, str(one.specifier), _extra(str(one.marker or ""))) for one in parsed if not one.extras
    )


def _extra(marker: str) -> str:
    """Return the extra of a marker such as `extra == "hf"`; empty for none."""
    _, _, rest = marker.partition("extra == ")
    return rest.strip("\"' )")


def unmet_requirements(package: str, version: str) -> list[Requirement]:
    """Select what dsrbench requires of a package and a version does not meet.

    Args:
        package: Name of the package, in any spelling that pip takes.
        version: The version that is installed.
    """
    from packaging.utils import canonicalize_name

    name = canonicalize_name(package)
    same = [one for one in declared_requirements() if canonicalize_name(one.package) == name]
    return [one for one in same if not one.allows(version)]


@functools.cache
def check_version(package: str) -> None:
    """Refuse a package that is always needed and is installed in a version outside the declared range.

    Raises:
        UnsupportedVersionError: The message says which versions are supported and what to do.
    """
    version = package_version(package)
    if version is None:
        return
    for requirement in unmet_requirements(package, version):
        if not requirement.extra:
            raise UnsupportedVersionError(
                f"{package} {version} is installed, expected {package}{requirement.versions}; "
                f"run: {requirement.pip_command}"
            )
