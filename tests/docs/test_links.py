"""Every link from a page to a file of the project leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []


def test_every_picture_is_shown_somewhere() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    shown = [name for text in texts for name in re.findall(r"([\w.-]+\.png)\)", text)]
    taken = [picture.name for picture in (ROOT / "docs/images").rglob("*.png")]
    assert taken
    assert sorted(set(taken) - set(shown)) == []
