"""Renderings of a run: table, web page, overlays and explanations."""

from dsrbench.report.explain import explain_decision, write_explanation
from dsrbench.report.overlay import draw_boxes, write_overlay
from dsrbench.report.page import update_page, write_page
from dsrbench.report.table import print_least_certain, print_summary

__all__ = [
    "draw_boxes",
    "explain_decision",
    "print_least_certain",
    "print_summary",
    "update_page",
    "write_explanation",
    "write_overlay",
    "write_page",
]
