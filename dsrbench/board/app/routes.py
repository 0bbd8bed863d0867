"""Routes beside the page: contents of tabs, the board as CSV and JSON, files of an entry, videos by their hash."""

from __future__ import annotations

import gzip

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from dsrbench.board.app.columns import read_columns
from dsrbench.board.app.filters import Filters, Values, select
from dsrbench.board.app.fragments import notice_html, problems_html
from dsrbench.board.app.site import Site
from dsrbench.board.app.tabs import VIEWS
from dsrbench.board.app.tabs.board import CSV, JSON, board_csv, board_json
from dsrbench.errors import DSRBenchError, InputError

HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}


def make_routes(site: Site) -> list[Route]:
    """Return the routes of a board; they take the same parameters as the page's links."""

    def view(request: Request) -> Response:
        tab = request.path_params["tab"]
        if tab not in VIEWS:
            return PlainTextResponse("no such view\n", status_code=404)
        return _answer(request, view_html(site, tab, request.query_params), "text/html")

    def download(request: Request) -> Response:
        name = request.url.path.rsplit("/", 1)[-1]
        filters, columns = Filters.read(request.query_params), read_columns(request.query_params)
        try:
            view = site.board.view()
        except DSRBenchError as error:
            return PlainTextResponse(f"{error}\n", status_code=503)
        is_csv, entries = name == CSV, select(view.entries, filters)
        text = view.cached(
            f"{name} {filters} {columns}", lambda: board_csv(entries, columns) if is_csv else board_json(entries)
        )
        answer = _answer(request, text, "text/csv" if is_csv else "application/json")
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    def file(request: Request) -> Response:
        try:
            path = site.board.find_file(request.path_params["name"], request.path_params["file"])
        except DSRBenchError as error:
            return PlainTextResponse(f"{error}\n", status_code=404 if isinstance(error, InputError) else 503)
        return FileResponse(path, filename=path.name, media_type="application/octet-stream", headers=HEADERS)

    def video(request: Request) -> Response:
        path = site.videos.get(request.path_params["sha256"])
        return FileResponse(path) if path is not None else PlainTextResponse("no such video", status_code=404)

    suffixes = sorted({path.suffix for path in site.videos.values()})
    return [
        Route("/view/{tab}", view),
        Route(f"/{CSV}", download),
        Route(f"/{JSON}", download),
        Route("/entries/{name}/{file}", file),
        *(Route(f"/videos/{{sha256}}{suffix}", video) for suffix in suffixes),
    ]


def view_html(site: Site, tab: str, values: Values) -> str:
    """Return the contents of a tab, under a notice where the store cannot be read.

    Args:
        site: The board.
        tab: A key of `VIEWS`.
        values: Values of the controls by name, or the parameters of a link.
    """
    try:
        view = site.board.view()
    except DSRBenchError as error:
        return problems_html([str(error)], head="The board cannot be shown")
    return notice_html(view) + VIEWS[tab](site, view, values)


def _answer(request: Request, text: str, kind: str) -> Response:
    """Return a response with a text, compressed for clients that accept gzip."""
    body, headers = text.encode(), {**HEADERS, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        body, headers["Content-Encoding"] = gzip.compress(body, 1, mtime=0), "gzip"
    return Response(body, media_type=f"{kind}; charset=utf-8", headers=headers)
