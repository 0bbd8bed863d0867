"""Parts of the report page that its browser tests use."""

from __future__ import annotations

import re


def choose(page, label):
    return page.get_by_role("combobox", name=label, exact=True)


def card(page, text):
    found = page.locator(".card", has_text=text)
    found.scroll_into_view_if_needed()
    found.locator(".says").filter(has_text=re.compile(".")).wait_for()
    return found
