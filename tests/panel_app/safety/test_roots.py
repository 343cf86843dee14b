"""Paths that a user gives stay under the allowed roots, however they are written."""

from pathlib import Path

import pytest

from cvcore.errors import DataError
from panel_app.roots import Roots


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """`open` may be read, `secret` may not; links lead from one to the other."""
    (tmp_path / "open/sub").mkdir(parents=True)
    (tmp_path / "open/a.jpg").write_bytes(b"abc")
    (tmp_path / "open/.hidden").write_bytes(b"")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("s")
    (tmp_path / "open-not").mkdir()
    (tmp_path / "open/way-out").symlink_to(tmp_path / "secret")
    (tmp_path / "open/way-in").symlink_to(tmp_path / "open/sub")
    (tmp_path / "open/loop").symlink_to(tmp_path / "open/loop")
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "/etc/passwd",
        "../../../../../../etc/passwd",
        "{open}/../secret/key",
        "{open}/way-out/key",
        "{open}/sub/../../secret",
        "{open}-not",
        "file:{open}/%2e%2e/secret/key",
        "file:///etc/passwd",
        "dbfs:/../etc/passwd",
        "~root",
        "~",
        "s3://bucket/x",
        "https://example.org/x",
        "",
        " ",
        "{open}/a\0.jpg",
        "{open}/loop",
        "~nobody-of-that-name/x",
    ],
)
def test_a_way_out_is_refused_in_words(tree, text) -> None:
    roots = Roots([tree / "open"])
    given = text.replace("{open}", str(tree / "open"))
    with pytest.raises(DataError) as error:
        roots.resolve(given)
    if given.strip():
        with pytest.raises(DataError):
            roots.list(given)
    assert "secret/key" not in str(error.value).replace(given, "")


def test_what_is_inside_is_resolved_and_listed(tree) -> None:
    roots = Roots([tree / "open"])
    assert roots.resolve(f"{tree}/open/sub/../a.jpg") == tree / "open/a.jpg"
    assert roots.resolve(f"{tree}/open/way-in") == tree / "open/sub"
    assert roots.resolve(f"{tree}/open/%2e%2e") == tree / "open/%2e%2e"  # a name as any other
    found = roots.list(str(tree / "open"))
    assert [(e.name, e.is_folder, e.size_bytes) for e in found.entries] == [
        ("sub", True, 0),
        ("way-in", True, 0),
        ("a.jpg", False, 3),
    ]
    assert (found.parent, found.total) == ("", 3)
    assert roots.list(found.entries[0].path).parent == str(tree / "open")
    assert [entry.path for entry in roots.list().entries] == [str(tree / "open")]


def test_a_refusal_names_the_roots(tree) -> None:
    with pytest.raises(DataError, match=rf"{tree}/open.*--root"):
        Roots([tree / "open"]).resolve("/etc")


def test_a_shared_app_reads_volumes_only(tree, monkeypatch) -> None:
    monkeypatch.setenv("LAKESIGHT_MOUNTS", f"/Volumes={tree}/open")
    monkeypatch.setenv("LAKESIGHT_DATA", "/Volumes/main/cv/data")
    monkeypatch.delenv("LAKESIGHT_VOLUME", raising=False)
    (tree / "open/main/cv/data/cats").mkdir(parents=True)
    roots = Roots.of(shared=True)
    assert roots.folders == ("/Volumes", "/Volumes/main/cv/data")
    found = roots.list("dbfs:/Volumes/main/cv/data")
    assert [entry.path for entry in found.entries] == ["/Volumes/main/cv/data/cats"]
    for text in (".", str(Path.home()), "/tmp", "/Volumes/../secret"):
        with pytest.raises(DataError, match="/Volumes"):
            roots.resolve(text)
    assert Roots.of(["/srv/cats"], shared=True).folders[0] == "/srv/cats"
    assert str(Path.cwd()) in Roots.of().folders
