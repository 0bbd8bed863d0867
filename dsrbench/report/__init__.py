"""What a run shows, told: summary, table, web page, overlays, explanations, and two runs side by side."""

from dsrbench.report.agreement import Agreement, compare_backends, read_reference
from dsrbench.report.compare import Comparison, compare_models
from dsrbench.report.explain import write_explanation
from dsrbench.report.overlay import draw_boxes, write_overlay
from dsrbench.report.page import update_page, write_page
from dsrbench.report.summary import summarize
from dsrbench.report.table import print_summary

__all__ = [
    "Agreement",
    "Comparison",
    "compare_backends",
    "compare_models",
    "draw_boxes",
    "print_summary",
    "read_reference",
    "summarize",
    "update_page",
    "write_explanation",
    "write_overlay",
    "write_page",
]
