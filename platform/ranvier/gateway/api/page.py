"""The web page at `/`, from what Vite built; where nothing is built, a page that says how."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).resolve().parent.parent / "web" / "static"
_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Ranvier</title>
<h1>Ranvier runs; its page is not built</h1>
<p>Build it with <code>make web</code> and start the platform again.</p>
<p>The API answers meanwhile: <a href="v1/status">status</a>, <a href="v1/topology">topology</a>,
<a href="v1/fidelity">fidelity</a>, <a href="metrics">metrics</a>, <a href="openapi.json">OpenAPI</a>.</p>
</html>"""


def install_page(app: FastAPI, static: Path = STATIC) -> None:
    """Serve the files of `static`, each by a route of its own, so that no other path is taken over."""
    app.add_api_route("/", _index(static), include_in_schema=False, response_class=HTMLResponse)
    for entry in sorted(static.iterdir()) if static.is_dir() else ():
        if entry.is_dir():
            app.mount(f"/{entry.name}", StaticFiles(directory=entry), name=entry.name)
        elif entry.name != "index.html":
            app.add_api_route(f"/{entry.name}", _file(entry), include_in_schema=False)


def _index(static: Path):  # type: ignore[no-untyped-def]
    def index() -> Response:
        page = static / "index.html"
        if page.is_file():
            return FileResponse(page, headers={"Cache-Control": "no-cache"})
        return HTMLResponse(_NOT_BUILT)

    return index


def _file(entry: Path):  # type: ignore[no-untyped-def]
    def file() -> FileResponse:
        return FileResponse(entry, headers={"Cache-Control": "no-cache"})

    return file
