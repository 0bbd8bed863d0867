"""Addresses beside the page: what tabs show, the board as CSV and JSON, the files of an entry, videos by their hash."""

from __future__ import annotations

import gzip

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from dsrbench.board.app.download import board_csv, board_json
from dsrbench.board.app.filters import select
from dsrbench.board.app.site import Site
from dsrbench.board.app.views import CSV, JSON, VIEWS, keep, read_columns, read_filters, view_html
from dsrbench.errors import DSRBenchError, InputError

SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}


def make_routes(site: Site) -> list[Route]:
    """The routes of a board; they take the same parameters as the page's links."""

    def view(request: Request) -> Response:
        tab = request.path_params["tab"]
        if tab not in VIEWS:
            return PlainTextResponse("no such view\n", status_code=404)
        return _answer(request, view_html(site, tab, request.query_params), "text/html")

    def download(request: Request) -> Response:
        name = request.url.path.rsplit("/", 1)[-1]
        filters, columns = read_filters(request.query_params), read_columns(request.query_params)
        try:
            view = site.board.view()
        except DSRBenchError as error:
            return PlainTextResponse(f"{error}\n", status_code=503)
        is_csv, entries = name == CSV, select(view.entries, filters)
        text = keep(
            view,
            f"{name} {filters} {columns}",
            lambda: board_csv(entries, columns) if is_csv else board_json(entries),
        )
        answer = _answer(request, text, "text/csv" if is_csv else "application/json")
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    def file(request: Request) -> Response:
        try:
            path = site.board.find_file(request.path_params["name"], request.path_params["file"])
        except InputError as error:
            return PlainTextResponse(f"{error}\n", status_code=404)
        except DSRBenchError as error:
            return PlainTextResponse(f"{error}\n", status_code=503)
        return FileResponse(path, filename=path.name, media_type="application/octet-stream", headers=SAFE)

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


def _answer(request: Request, text: str, kind: str) -> Response:
    """A text, packed for those who take it so."""
    body, headers = text.encode(), {**SAFE, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        body, headers["Content-Encoding"] = gzip.compress(body, 1, mtime=0), "gzip"
    return Response(body, media_type=f"{kind}; charset=utf-8", headers=headers)
