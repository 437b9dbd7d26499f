"""Load time of the page in a real Chromium, over a platform with a live emulated network.

    python -m bench.page

The platform runs in a process of its own; the browser's cache is empty each time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from bench.process import ENVIRONMENT, ROOT, in_process
from bench.report import Figure, Section

FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
CHART_DRAWN = "() => [...document.querySelectorAll('.chart canvas')].some((c) => c.width > 0 && c.height > 0)"
UP_S = 120.0


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """`ranvier run` with seven emulated sites; its address, once forecasts have been issued."""
    given = {"RANVIER_FEED__PERIOD_S": "2", "RANVIER_FEED__BACKFILL_S": "600"}
    command = [
        sys.executable,
        "-m",
        "ranvier.gateway.cli.main",
        "--folder",
        str(folder),
        "run",
        "--port",
        "0",
    ]
    with (folder / "output").open("w") as output, subprocess.Popen(
        command, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT, env={**ENVIRONMENT, **given}
    ) as process:  # fmt: skip
        try:
            yield _address(folder, process)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def _address(folder: Path, process: subprocess.Popen[bytes]) -> str:
    end = time.monotonic() + UP_S
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.2)
        try:
            url = str(json.loads((folder / "running.json").read_text())["url"])
            figures = httpx.get(f"{url}/v1/live/snapshot", trust_env=False).json()["figures"]
        except (OSError, ValueError, httpx.HTTPError):
            continue
        if figures["forecasts_issued"] > 0:
            return url
    raise SystemExit(f"the platform did not come up:\n{(folder / 'output').read_text()[-2000:]}")


def chromium() -> str | None:
    """Where the system's Chromium is; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


def measure(times: int) -> dict[str, Any]:
    """Milliseconds to DOMContentLoaded and to the first chart, and the bytes that came; medians."""
    from playwright.sync_api import sync_playwright

    path = chromium()
    if path is None:
        return {"missing": "no Chromium was found"}
    with (
        tempfile.TemporaryDirectory(prefix="ranvier-bench-") as folder,
        running(Path(folder)) as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        loads = [load(browser, url) for _ in range(times)]
        browser.close()
    return {name: float(np.median([each[name] for each in loads])) for name in loads[0]}


def load(browser: Any, url: str) -> dict[str, float]:
    """One load with an empty cache."""
    with browser.new_context() as context:
        page = context.new_page()
        received = {"bytes": 0.0, "requests": 0.0}
        session = context.new_cdp_session(page)
        session.send("Network.enable")

        def finished(event: dict[str, Any]) -> None:
            received["bytes"] += event["encodedDataLength"]
            received["requests"] += 1

        session.on("Network.loadingFinished", finished)
        begin = time.perf_counter()
        page.goto(url, wait_until="domcontentloaded")
        page.wait_for_function(CHART_DRAWN, timeout=60_000)
        drawn_ms = (time.perf_counter() - begin) * 1e3
        timing = "() => performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
        return {"content_ms": page.evaluate(timing), "drawn_ms": drawn_ms, **received}


def section(quick: bool) -> Section:
    """The chapter on the page."""
    out = Section(
        "The page", "python -m bench.page",
        "`ranvier run` with seven emulated sites; a headless Chromium that renders in software, with an empty "
        "cache, on the same cores. Medians.",
    )  # fmt: skip
    found = in_process("bench.page", "--times", "2" if quick else "5")
    if "missing" in found:
        out.remarks.append(f"Not measured: {found['missing']}.")
        return out
    out.figures = [
        Figure("DOMContentLoaded", found["content_ms"] / 1e3, "s"),
        Figure("first chart drawn", found["drawn_ms"] / 1e3, "s"),
        Figure("transferred by then", found["bytes"] / 1024, "KiB", note=f"{found['requests']:.0f} requests"),
    ]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    print(json.dumps(measure(parser.parse_args().times)))


if __name__ == "__main__":
    main()
