"""The web page in a real headless Chromium, served by the real API over embedded stores.

What a person sees is asserted: figures that move by themselves, a node's forecast, a dead letter that comes in.
Forecasts and fidelity are given; everything else goes through log, graph and series.
"""

from __future__ import annotations

import base64
import importlib.util
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Request, expect, sync_playwright

from ranvier.dtops.forecast import Target
from ranvier.fabric.event import Payload
from ranvier.fabric.measurement import MeasurementReport
from ranvier.fabric.topology_change import NodeChange, RelationChange
from ranvier.gateway.api.app import create_app
from ranvier.gateway.api.page import STATIC
from ranvier.gateway.api.platform import FidelityFigure, FidelityQuery, IssuedForecast, LiveFigures, Outcome
from ranvier.gateway.api.server import ApiServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

_SPEC = importlib.util.spec_from_file_location(
    "page_city", Path(__file__).parents[1] / "unit/gateway/api/conftest.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
double: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(double)

S = 1_000_000_000
T0, NOW, THROUGHPUT = double.T0, double.NOW, double.THROUGHPUT
ACTIVE = "DRB.MeanActiveUeDl"
PATIENCE_S = 60.0
CELLS = [f"ManagedElement=gNB-{site},GNBDUFunction=1,NRCellDU={n}" for site in (1, 2, 3) for n in (1, 2, 3)]
HORIZONS = (10.0, 60.0)
# Software rendering, so that the map is drawn where there is no GPU.
# Without it the page says so and shows the rest, which is much lighter to test.
NO_WEBGL = """
    const real = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
        return kind.startsWith("webgl") ? null : real.call(this, kind, ...rest);
    };
"""
CHROMIUM_FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


# ---------------------------------------------------------------- a platform that moves
def _city(own: dict[str, str]) -> list[Payload]:
    """Three sites of three cells in space, their neighbours, and twenty minutes of two KPIs."""
    payloads: list[Payload] = []
    for site in (1, 2, 3):
        element = f"ManagedElement=gNB-{site}"
        place = {"latitude": 31.0 + 0.008 * (site == 2), "longitude": -41.0 + 0.009 * (site == 3)}
        payloads.append(NodeChange(element, "ManagedElement", T0, place, **own))
        for n in (1, 2, 3):
            cell, carrier = (f"{element},GNBDUFunction=1,{c}={n}" for c in ("NRCellDU", "NRSectorCarrier"))
            beam = f"{carrier},CommonBeamformingFunction=1"
            payloads.append(NodeChange(cell, "NRCellDU", T0, {"cellLocalId": n}, **own))
            payloads.append(NodeChange(carrier, "NRSectorCarrier", T0, **own))
            azimuth = {"digitalAzimuth": 120 * n}
            payloads.append(NodeChange(beam, "CommonBeamformingFunction", T0, azimuth, **own))
    payloads += [RelationChange("adjacent", a, b, T0, **own) for a, b in pairwise(CELLS)]
    for number, cell in enumerate(CELLS):
        for end_ns in range(NOW - 1200 * S, NOW + 1, 10 * S):
            values = {THROUGHPUT: 9000.0 + 500 * number, ACTIVE: float(end_ns // (10 * S) % 3)}
            payloads.append(MeasurementReport(cell, "NRCellDU", end_ns - 10 * S, end_ns, values, **own))
    return payloads


class MovingPlatform(double.EmbeddedPlatform):  # type: ignore[misc, name-defined]
    """The API's test double on a clock that runs, with forecasts of two KPIs every ten seconds."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._begun_s = time.monotonic()
        self.events_refused = 0
        self.issued = 5400
        self.sealed = [
            IssuedForecast(
                Target(cell, quantity), horizon_s, model, "1", at_ns, at_ns, values, [0.1, 0.25, 0.5, 0.75, 0.9]
            )
            for at_ns in range(NOW - 600 * S, NOW + 1, 10 * S)
            for cell in CELLS[:2]
            for quantity, values in ((THROUGHPUT, [8e3, 8.5e3, 9e3, 9.5e3, 1e4]), (ACTIVE, [0.0, 0, 0, 1, 2]))
            for horizon_s in HORIZONS
            for model in ("persistence", "statistical")
        ]  # fmt: skip
        self.known = [
            replace(double.figure(model, value, horizon_s), quantity=quantity)
            for quantity, shift in ((THROUGHPUT, 0.0), (ACTIVE, 0.1))
            for horizon_s in HORIZONS
            for model, value in (("statistical", 0.6 + shift), ("persistence", 0.25), ("climatology", 0.0))
        ]
        self.known.append(replace(double.figure("statistical", None, 60.0), quantity="RRU.PrbTotDl"))

    def now_ns(self) -> int:
        return int(NOW + (time.monotonic() - self._begun_s) * S)

    def figures(self) -> LiveFigures:
        up_s = time.monotonic() - self._begun_s
        return replace(
            super().figures(), events_accepted=300 + int(40 * up_s), events_per_s=40.0,
            events_refused=self.events_refused, as_of_ns=self.as_of_ns and self.now_ns() - 2 * S,
            forecasts_issued=self.issued,
        )  # fmt: skip

    def ingest_raw(self, *args: Any) -> Any:
        result = super().ingest_raw(*args)
        self.events_refused += result.refused
        return result

    def fidelity(self, query: FidelityQuery) -> list[FidelityFigure]:
        found: list[FidelityFigure] = super().fidelity(query)
        return [replace(f, object_id=c) for f in found for c in CELLS] if query.per_object else found

    def fidelity_history(self, query: FidelityQuery, step_ns: int) -> list[FidelityFigure]:
        starts = range(NOW - 1200 * S, NOW, step_ns)
        return [replace(f, from_ns=at, to_ns=at + step_ns) for at in starts for f in self.fidelity(query)]

    def outcomes(self, query: Any) -> list[Outcome]:
        ends = [(f, f.issued_at_ns + round(f.horizon_s) * S) for f in self.forecasts(query)]
        return [Outcome(f, end, f.values[2]) if end <= NOW else Outcome(f, None, None) for f, end in ends]


class Served:
    """A platform behind a real server on a free port of the loopback."""

    def __init__(self, platform: Any) -> None:
        self.platform, self.port = platform, 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._server = ApiServer(create_app(self.platform, live_interval_s=0.2), "127.0.0.1", self.port)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline_s = time.monotonic() + 20
        while not self._server.started and time.monotonic() < deadline_s:
            time.sleep(0.02)
        self.port = self._server.bound_port

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)


# ---------------------------------------------------------------- browser and pages
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium; no browser is downloaded."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    missing = (
        "no Chromium was found: install the package 'chromium'"
        if path is None
        else "the page is not built: run 'make web'"
        if not (STATIC / "index.html").is_file()
        else ""
    )
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield found
        found.close()


@pytest.fixture
def servers() -> Iterator[ExitStack]:
    """Closes what was served, after the pages that look at it."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def bare(tmp_path: Path, servers: ExitStack) -> Served:
    """A platform that has heard nothing yet."""
    platform = MovingPlatform(tmp_path)
    servers.callback(platform.close)
    platform.sealed, platform.known, platform.as_of_ns, platform.issued = [], [], None, 0
    found = Served(platform)
    servers.callback(found.stop)
    return found


@pytest.fixture
def served(tmp_path: Path, servers: ExitStack) -> Served:
    """A platform with a city, forecasts and fidelity."""
    platform = MovingPlatform(tmp_path)
    servers.callback(platform.close)
    platform.put(_city({"tenant": platform.whose.tenant, "network": platform.whose.network}))
    found = Served(platform)
    servers.callback(found.stop)
    return found


@pytest.fixture
def visit(browser: Browser, servers: ExitStack) -> Iterator[Callable[..., Page]]:
    """Opens the page; at the end there were no errors on its console and no request to another host."""
    del servers  # only for the order of the ends
    complaints: list[str] = []
    contexts = []

    def open_page(served: Served, *, strict: bool = True, with_map: bool = False, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        expect.set_options(timeout=PATIENCE_S * 1000)
        if not with_map:
            page.add_init_script(NO_WEBGL)

        def foreign(request: Request) -> None:
            if not request.url.startswith((served.url, "data:", "blob:")):
                complaints.append(f"a request to {request.url}")

        page.on("request", foreign)
        page.on("pageerror", lambda error: complaints.append(f"an error: {error}"))
        if strict:
            page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.goto(served.url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def _number(locator: Locator) -> int:
    return int(re.sub(r"\D", "", locator.inner_text()))


def _tile(page: Page, name: str) -> Locator:
    return page.locator(f'[data-tile="{name}"] .value').first


def _drawn_colours(browser: Browser, png: bytes) -> tuple[int, float]:
    """How many colours a picture has, and its mean lightness in 0 to 255."""
    page = browser.new_page()
    colours, lightness = page.evaluate(
        """async (text) => {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
            const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
            context.drawImage(image, 0, 0);
            const pixels = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer);
            let sum = 0;
            for (const p of pixels) sum += (p & 255) + ((p >> 8) & 255) + ((p >> 16) & 255);
            return [new Set(pixels).size, sum / pixels.length / 3];
        }""",
        base64.b64encode(png).decode(),
    )
    page.close()
    return colours, lightness


# ---------------------------------------------------------------- what a person sees
def test_the_page_shows_whose_twin_it_is_and_that_the_network_is_emulated(
    visit: Callable[..., Page], served: Served
) -> None:
    page = visit(served)
    expect(page.locator(".connection")).to_have_text(re.compile("live"))
    expect(page.locator(".top")).to_contain_text("city")
    expect(page.locator(".badge")).to_have_text("emulated network")
    expect(page.locator('[data-tile="lag"]')).to_contain_text("200 ms")
    expect(page.locator('[data-tile="lag"]')).to_contain_text("900 ms")


def test_figures_move_without_reloading(visit: Callable[..., Page], served: Served) -> None:
    page = visit(served)
    expect(page.locator(".connection")).to_have_text(re.compile("live"))
    page.evaluate("window.sameDocument = true")
    before = _number(_tile(page, "accepted"))
    expect(_tile(page, "accepted")).not_to_have_text(re.compile(f"^{before}$"))
    page.wait_for_timeout(600)
    assert _number(_tile(page, "accepted")) > before
    assert page.evaluate("window.sameDocument") is True


def test_choosing_a_node_shows_its_forecasts(visit: Callable[..., Page], served: Served) -> None:
    page = visit(served)
    chart = page.locator(".forecast-chart")
    expect(chart.locator(".hint")).to_contain_text("gNB-1/1")
    with page.expect_response(
        lambda r: "forecasts/outcomes" in r.url and httpx.URL(r.url).params["object_id"] == CELLS[1]
    ) as answer:
        page.get_by_role("combobox", name="Node").select_option(CELLS[1])
    assert answer.value.json()["items"]
    expect(chart.locator(".hint")).to_contain_text("gNB-1/2")
    expect(chart.locator("canvas")).to_be_visible()
    expect(chart.locator(".legend")).to_contain_text("outcomes here in the 80 % band")
    assert "node=" in page.url


def test_atoms_of_a_distribution_are_shown(visit: Callable[..., Page], served: Served) -> None:
    page = visit(served)
    expect(page.locator(".forecast-chart canvas")).to_be_visible()
    page.get_by_role("combobox", name="KPI").select_option(THROUGHPUT)
    expect(page.locator(".forecast-chart .hint")).to_contain_text("throughput")
    expect(page.locator(".forecast-chart .legend")).not_to_contain_text("atom")
    page.get_by_role("combobox", name="KPI").select_option(ACTIVE)
    expect(page.locator(".forecast-chart .legend")).to_contain_text("atom")


def test_a_click_on_the_map_chooses_a_cell(visit: Callable[..., Page], served: Served) -> None:
    page = visit(served, with_map=True)
    box = page.locator(".plan .canvas")
    expect(page.locator(".topology .hint")).to_have_text("3 sites · 9 cells · 8 neighbours")
    expect(page.locator(".scale-bar")).to_have_text(re.compile(r"^\d+ k?m$"))
    size = box.bounding_box()
    assert size is not None
    end_s = time.monotonic() + PATIENCE_S  # software rendering on a busy machine draws late
    while "node=" not in page.url and time.monotonic() < end_s:
        for across in range(4, 40):
            box.click(position={"x": size["width"] * across / 40, "y": size["height"] * (0.9 - across / 60)})
            if "node=" in page.url:
                break
    assert "NRCellDU" in page.url


def test_the_map_also_works_without_positions(
    visit: Callable[..., Page], bare: Served, browser: Browser
) -> None:
    own = {"tenant": bare.platform.whose.tenant, "network": bare.platform.whose.network}
    cells = [f"NRCellDU={n}" for n in range(1, 6)]
    served_by = [RelationChange("serves", cells[0], "UE=1", T0, **own)]
    nodes = [NodeChange(cell, "NRCellDU", T0, **own) for cell in cells]
    near = [RelationChange("adjacent", a, b, T0, **own) for a, b in pairwise(cells)]
    bare.platform.put([*nodes, NodeChange("UE=1", "UE", T0, **own), *served_by, *near])
    page = visit(bare, with_map=True)
    expect(page.locator(".topology .hint")).to_have_text("5 cells · 4 neighbours · 1 UE")
    expect(page.locator(".plan-note")).to_contain_text("Positions are not known")
    end_s = time.monotonic() + PATIENCE_S  # software rendering draws late
    colours = 0
    while colours <= 20 and time.monotonic() < end_s:
        colours, _ = _drawn_colours(browser, page.locator(".plan .canvas").screenshot())
    assert colours > 20


def test_fidelity_is_shown_with_its_interval_and_undefined_as_such(
    visit: Callable[..., Page], served: Served
) -> None:
    page = visit(served)
    table = page.locator(".fidelity-table")
    row = table.locator("tr", has=page.get_by_label(f"Show {THROUGHPUT}, 10 s ahead, statistical"))
    expect(row).to_contain_text("0.60")
    expect(row.get_by_role("img")).to_have_accessible_name("0.50 to 0.70")
    expect(table).to_contain_text("undefined: 3 outcomes are too few")
    page.get_by_label(f"Show {THROUGHPUT}, 10 s ahead, statistical").click()
    expect(page.locator('[data-tile="fidelity"]')).to_contain_text("0.60")
    expect(page.locator(".fidelity-chart canvas")).to_be_visible()


def test_a_bad_event_appears_among_the_dead_letters_and_can_be_replayed(
    visit: Callable[..., Page], served: Served
) -> None:
    page = visit(served)
    expect(page.locator(".dead-letters")).to_contain_text("Every record could be used")
    answer = httpx.post(
        f"{served.url}/v1/events", content=b'{"specversion": "1.0", "type": "no such type"}',
        headers={"Content-Type": "application/cloudevents+json"}, timeout=20,
    )  # fmt: skip
    assert answer.json()["refused"] == 1
    letter = page.locator(".dead-letters details")
    expect(letter).to_have_count(1)
    expect(_tile(page, "refused")).to_have_text("1")
    letter.locator("summary").click()
    expect(letter.locator("pre")).to_contain_text("no such type")
    letter.get_by_role("button", name="Replay").click()
    expect(letter.get_by_role("status")).to_contain_text("Refused again")


def test_light_and_dark_are_drawn_and_follow_the_system(
    visit: Callable[..., Page], served: Served, browser: Browser
) -> None:
    lightness = {}
    for scheme in ("light", "dark"):
        page = visit(served, color_scheme=scheme)
        expect(page.locator(".forecast-chart canvas")).to_be_visible()
        colours, lightness[scheme] = _drawn_colours(browser, page.screenshot())
        assert colours > 100
    assert lightness["light"] > 200
    assert lightness["dark"] < 60


def test_the_page_can_be_used_with_the_keyboard_alone(visit: Callable[..., Page], served: Served) -> None:
    page = visit(served, color_scheme="light")
    expect(page.locator(".fidelity-table tbody tr").first).to_be_visible()
    expect(page.get_by_role("combobox", name="Node")).to_be_visible()
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            """() => { const e = document.activeElement;
            return [e.getAttribute("aria-label") ?? e.closest("label")?.innerText.split("\\n")[0] ?? e.innerText,
                    getComputedStyle(e).outlineStyle]; }"""
        )
        reached.append(focused[0])
        assert focused[1] != "none", f"the focus on {focused[0]!r} cannot be seen"
    assert reached[:4] == ["Switch to dark colours", "KPI", "Ahead", "Model"]
    assert "Node" in reached
    page.keyboard.press("Home")
    page.get_by_label("Switch to dark colours").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_lost_connection_is_told_and_taken_up_again(visit: Callable[..., Page], served: Served) -> None:
    page = visit(served, strict=False)
    expect(page.locator(".connection")).to_have_text(re.compile("live"))
    served.stop()
    expect(page.locator(".connection")).to_have_text(re.compile(r"connection lost|connecting"))
    served.start()
    expect(page.locator(".connection")).to_have_text(re.compile("live"))
    before = _number(_tile(page, "accepted"))
    expect(_tile(page, "accepted")).not_to_have_text(re.compile(f"^{before}$"))


def test_a_platform_that_has_heard_nothing_says_what_is_awaited(
    visit: Callable[..., Page], bare: Served
) -> None:
    page = visit(bare)
    expect(page.locator(".topology")).to_contain_text("No cell is known yet")
    expect(page.locator(".forecast-chart")).to_contain_text("first forecasts in about 20 s")
    expect(page.locator(".fidelity-table")).to_contain_text("Nothing was forecast yet")
    expect(page.locator(".alarms")).to_contain_text("No alarm")


def test_a_phone_needs_no_sideways_scrolling(visit: Callable[..., Page], served: Served) -> None:
    page = visit(served, viewport={"width": 390, "height": 844})
    expect(page.locator(".forecast-chart canvas")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_logic_of_the_page_keeps_its_own_tests() -> None:
    root = Path(__file__).parents[2]
    node = shutil.which("node", path=f"{os.environ['PATH']}:{root}/.tools/node/bin")
    vitest = root / "platform/web/node_modules/vitest/vitest.mjs"
    if node is None or not vitest.is_file():
        pytest.skip("neither Node nor what builds the page is here: run 'make web'")
    done = subprocess.run(
        [node, str(vitest), "run"], cwd=root / "platform/web", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
