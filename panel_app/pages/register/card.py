"""The model card as HTML. Its Markdown may come from anybody who can write into the run."""

from __future__ import annotations

from functools import lru_cache

from markdown_it import MarkdownIt

_STYLE = """<style>
.card{max-width:860px;font-size:14px;line-height:1.55;overflow-wrap:anywhere}
.card h1{font-size:21px;font-weight:650;margin:6px 0 8px}
.card h2{font-size:16px;font-weight:650;margin:22px 0 6px}
.card table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto}
.card th,.card td{padding:5px 16px 5px 0;text-align:left;vertical-align:top;
 border-bottom:1px solid color-mix(in srgb,currentColor 12%,transparent)}
.card pre{padding:10px 12px;border-radius:8px;overflow-x:auto;
 background:color-mix(in srgb,currentColor 7%,transparent)}
.card code{font:12.5px/1.5 ui-monospace,Menlo,Consolas,monospace}
.card a{color:var(--panel-primary-color)}
</style>"""


class _Reader(MarkdownIt):
    """HTML stays text, links lead to http(s) and mailto only, nothing is loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False})
        self.enable("table").disable("image")

    def validateLink(self, url: str) -> bool:  # noqa: N802 (of markdown-it)
        return super().validateLink(url) and url.startswith(("http://", "https://", "mailto:", "#"))


@lru_cache(maxsize=1)
def _reader() -> _Reader:
    return _Reader()


def card_html(markdown: str) -> str:
    """Return the HTML of a model card; nothing of it is markup but Markdown's own."""
    return f'{_STYLE}<div class="card">{_reader().render(markdown)}</div>'
