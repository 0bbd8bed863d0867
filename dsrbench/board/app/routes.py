"""Addresses beside the page: the board as CSV and JSON, and videos by their hash."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from dsrbench.board.app.columns import COLUMNS, SHOWN
from dsrbench.board.app.download import board_csv, board_json
from dsrbench.board.app.filters import Filters, select
from dsrbench.board.app.site import Site
from dsrbench.board.ties import Placed
from dsrbench.errors import DSRBenchError

CSV, JSON = "board.csv", "board.json"


def make_routes(site: Site) -> list[Route]:
    """The routes of a board; they take the same parameters as the page's links."""

    def csv(request: Request) -> Response:
        query = request.query_params
        return _download(CSV, "text/csv", lambda: board_csv(_entries(site, query), read_columns(query)))

    def json(request: Request) -> Response:
        return _download(JSON, "application/json", lambda: board_json(_entries(site, request.query_params)))

    def video(request: Request) -> Response:
        path = site.videos.get(request.path_params["sha256"])
        return FileResponse(path) if path is not None else PlainTextResponse("no such video", status_code=404)

    suffixes = sorted({path.suffix for path in site.videos.values()})
    return [
        Route(f"/{CSV}", csv),
        Route(f"/{JSON}", json),
        *(Route(f"/videos/{{sha256}}{suffix}", video) for suffix in suffixes),
    ]


def read_columns(query: Mapping[str, str]) -> list[str]:
    """The columns a link asks for; the usual ones where it asks for none."""
    wanted = query.get("columns", "").split(",")
    return [id for id in wanted if id in COLUMNS] or list(SHOWN)


def _entries(site: Site, query: Mapping[str, str]) -> list[Placed]:
    return select(site.board.view().entries, Filters.read(query))


def _download(name: str, kind: str, make: Callable[[], str]) -> Response:
    try:
        text = make()
    except DSRBenchError as error:
        return PlainTextResponse(f"{error}\n", status_code=503)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(text, media_type=f"{kind}; charset=utf-8", headers=headers)
