"""Which wordings of a suite's prompts a generator can be given."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from dsrbench.backends.base import Generator
from dsrbench.backends.registry import Backend
from dsrbench.errors import BackendError, InputError
from dsrbench.prompts import Suite
from dsrbench.prompts.wordings import WORDINGS, expand_wordings, list_wordings
from dsrbench.types import DEFAULT_WORDING


def reword_suite(
    suite: Suite, names: Sequence[str], generator: Backend[Generator] | None
) -> tuple[Suite, tuple[str, ...]]:
    """Put a suite into the wordings that are selected, as far as the generator knows them.

    Args:
        suite: The prompts.
        names: Wordings; where they are all there are, those the generator does not know are left out.
        generator: Generator of the videos; None where they exist.

    Returns:
        The suite, and notes on what was left out.

    Raises:
        BackendError: The generator does not know a wording that was asked for by name; says which it knows.
        PromptError: A prompt cannot be said in a wording.
    """
    unknown = _find_unknown(suite, names, generator) if generator is not None else {}
    if not unknown or generator is None:
        return expand_wordings(suite, names), ()
    usable = [name for name in WORDINGS if name not in _find_unknown(suite, list(WORDINGS), generator)]
    if set(names) != set(WORDINGS) or len(usable) < 2:
        name, reason = next(iter(unknown.items()))
        raise BackendError(
            f"generator {generator.name!r} does not know the wording {name!r} ({reason}); "
            f"of this suite it knows: {', '.join(usable)}"
        )
    note = f"{generator.name} does not know the wordings {', '.join(unknown)}; they are left out"
    return expand_wordings(suite, usable), (note,)


def _find_unknown(suite: Suite, names: Sequence[str], generator: Backend[Generator]) -> dict[str, str]:
    """Wordings in which the generator takes none of the prompts that it takes as they are, with why."""

    def refusal(name: str, part: Suite) -> str:
        reason = ""
        prompts = tuple(prompt for prompt in part if name in list_wordings(prompt))
        for prompt in expand_wordings(dataclasses.replace(part, prompts=prompts), [name]):
            try:
                generator.instance.check_prompt(prompt)
                return ""
            except InputError as error:
                reason = str(error).partition(". Known:")[0]
        return reason

    unknown = {}
    for name in names:
        if name != DEFAULT_WORDING and (reason := refusal(name, suite)) and not refusal(DEFAULT_WORDING, suite):
            unknown[name] = reason
    return unknown
