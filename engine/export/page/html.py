"""HTML by hand: escaped texts, tables, and the document around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from engine.text import clean

_STYLE = """
:root { color-scheme: light dark; --ink: #17212b; --faint: #51616f; --paper: #ffffff; --rule: #d5dce3; --right: #0072b2;
  --wrong: #b35c00; --rgb-right: 0, 114, 178; --rgb-wrong: 213, 94, 0; }
@media (prefers-color-scheme: dark) { :root { --ink: #eef3f8; --faint: #9fb0c0; --paper: #0f1419; --rule: #2a3541;
  --right: #56b4e9; --wrong: #e69f00; --rgb-right: 86, 180, 233; --rgb-wrong: 230, 159, 0; } }
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; color: var(--ink);
  background: var(--paper); max-width: 960px; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 0.6rem; }
svg { max-width: 100%; height: auto; }
.big { font-size: 1.3rem; } .faint, figcaption, caption { color: var(--faint); } .wide { overflow-x: auto; }
blockquote { margin: 0.5rem 0; padding: 0.1rem 1rem; border-left: 3px solid var(--rule); color: var(--faint); }
table { border-collapse: collapse; } th, td { padding: 0.15rem 0.7rem 0.15rem 0; text-align: left; font-weight: normal;
  vertical-align: top; } thead th { color: var(--faint); border-bottom: 1px solid var(--rule); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.share { width: 12rem; } .share i { display: block; height: 0.7rem; margin-top: 0.4rem; background: var(--right); }
.map td { padding: 0.15rem 0.35rem; text-align: right; min-width: 1.6rem; font-size: 0.85rem; }
.map td.hit { background: rgba(var(--rgb-right), var(--part)); }
.map td.miss { background: rgba(var(--rgb-wrong), var(--part)); }
.map thead th { text-align: right; padding: 0 0.35rem; font-size: 0.85rem; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(130px, 1fr)); gap: 1rem; }
figure { margin: 0; } figure img { width: 128px; height: 128px; image-rendering: pixelated; display: block; }
figcaption { font-size: 0.85rem; line-height: 1.35; }
""".strip()

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Nothing may be loaded and no script run, whatever the texts hold."""


def text(content: object) -> str:
    """Return `content` cleaned, with everything escaped that is markup in HTML, attributes included."""
    return escape(clean(content), quote=True)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> str:
    """Return a table of cells that are HTML already. After the first `texts` columns there are numbers."""
    kinds = ["", *(" class=number" if i >= texts else "" for i in range(1, len(headings)))]
    head = "".join(f"<th{kind}>{heading}</th>" for kind, heading in zip(kinds, headings, strict=True))
    body = "\n".join(
        f"<tr>{''.join(f'<td{kind}>{cell}</td>' for kind, cell in zip(kinds, row, strict=True))}</tr>" for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def pairs(values: Iterable[tuple[str, str]]) -> str:
    """Return a table of names and values, which are not HTML yet."""
    rows = "\n".join(f"<tr><td class=faint>{text(name)}</td><td>{text(value)}</td></tr>" for name, value in values)
    return f'<div class="wide"><table><tbody>{rows}</tbody></table></div>'


def section(title: str, *parts: str) -> str:
    return f"<section><h2>{text(title)}</h2>\n{''.join(parts)}</section>"


def document(title: str, parts: Iterable[str]) -> str:
    """Return the whole page. It follows the viewer's light or dark setting."""
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{text(title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>\n{_STYLE}\n</style>\n'
        f"</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
