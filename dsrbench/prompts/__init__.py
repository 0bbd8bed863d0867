"""Prompts and suites: parse texts into fields, compose texts from fields, read and build suites."""

from __future__ import annotations

from dsrbench.prompts.compose import add_article, compose_text
from dsrbench.prompts.grammar import Reading, parse_prompt, read_prompt
from dsrbench.prompts.suites import Suite, describe_prompt, list_suites, read_suite, write_suite

__all__ = [
    "Reading",
    "Suite",
    "add_article",
    "compose_text",
    "describe_prompt",
    "list_suites",
    "parse_prompt",
    "read_prompt",
    "read_suite",
    "write_suite",
]
