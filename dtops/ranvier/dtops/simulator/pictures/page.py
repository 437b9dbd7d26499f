"""Pictures with their captions as one page of HTML that stands by itself: no script, no request, light and dark."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape

from ranvier.dtops.simulator.pictures.figure import Picture

_STYLE = """
:root { color-scheme: light dark; --ground: #fbfbf9; --ink: #1d2227; --soft: #5c6670; --line: #dfe3e6; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14181c; --ink: #e7ebee; --soft: #9ba6af; --line: #313a42; } }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.55 system-ui, "Segoe UI", sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 36px 24px 64px; }
h1 { font-size: 28px; line-height: 1.2; margin: 4px 0 10px; } .brand, .lead, figcaption { color: var(--soft); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); gap: 28px 32px; }
figure { margin: 0; }
img { width: 100%; height: auto; display: block; }
figcaption { font-size: 13px; margin-top: 6px; }
table { border-collapse: collapse; margin: 18px 0 30px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 3px 14px; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
"""


def to_html(
    title: str, lead: str, pictures: Sequence[Picture], table: Sequence[Mapping[str, str]] = ()
) -> str:
    """The whole page; `table` is rows of column to text, all with the same columns."""
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>"
        f"<p class='brand'>Ranvier · the simulator</p><h1>{escape(title)}</h1><p class='lead'>{escape(lead)}</p>"
        f"{_table(table)}<div class='figures'>{''.join(map(_figure, pictures))}</div></main></body></html>"
    )


def _figure(picture: Picture) -> str:
    light, dark = (base64.b64encode(picture.png(dress)).decode() for dress in ("light", "dark"))
    return (
        "<figure><picture>"
        f"<source srcset='data:image/png;base64,{dark}' media='(prefers-color-scheme: dark)'>"
        f"<img src='data:image/png;base64,{light}' alt='{escape(picture.caption, quote=True)}'></picture>"
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
    )


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row.values()) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
