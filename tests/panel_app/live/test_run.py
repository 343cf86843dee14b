"""A real training watched in real browsers: first point, end, refresh, cancel, resume, failure."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from launch.launchers import get_launcher
from launch.ledger import Ledger
from launch.submit import Submitted, Submitter
from tests.panel_app.conftest import Server, seen

pytestmark = [pytest.mark.ui, pytest.mark.slow, pytest.mark.usefixtures("warm")]

DIGITS = ("data.num_train=64", "data.num_val=10", "data.num_test=10")
TINY = (
    "task=classification",
    *("trainer.per_device_train_batch_size=4", "trainer.dataloader_num_workers=0"),
    *("trainer.logging_steps=1", "trainer.bootstrap_samples=0", "trainer.use_cpu=true"),
    *("tracking.log_model=false", "tracking.num_images=2", "compute.max_retries=0"),
)


class Place:
    """A folder with a ledger, a queue and an app."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.uri = folder, f"sqlite:///{folder}/mlruns.db"
        self.submitted: list[Submitted] = []
        self.app = Server(self.uri, folder)

    def submit(self, title: str, *overrides: str) -> str:
        places = [
            f"run.dir={self.folder}/{title}",
            f"run.title={title}",
            f"tracking.uri='{self.uri}'",
        ]
        done = Submitter().submit([*TINY, *places, *overrides])
        self.submitted.append(done)
        return done.handle.run_id

    def submit_bad(self) -> None:
        """Submit a run whose data are nowhere, unless that was done."""
        if not any(one.title == "bad" for one in self.submitted):
            self.submit("bad", "data=image_folder", f"data.root={self.folder}/nowhere")

    def close(self) -> None:
        for one in self.submitted:
            get_launcher("local").cancel(one.handle)
        self.app.stop()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("live")
    former = os.environ.get("LAKESIGHT_STATE_DIR")
    os.environ["LAKESIGHT_STATE_DIR"] = str(folder / "state")
    place = Place(folder)
    try:
        yield place
    finally:
        place.close()
        if former is None:
            del os.environ["LAKESIGHT_STATE_DIR"]
        else:
            os.environ["LAKESIGHT_STATE_DIR"] = former


def canceled(page) -> None:
    """Cancel the run that is shown."""
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel the run").click()
    page.get_by_text("The run was canceled").wait_for()


def test_a_run_is_watched_from_its_first_point_to_its_end(page, place) -> None:
    page.set_default_timeout(90_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "known" in said.text else None)
    page.goto(f"{place.app.url}?page=train")
    page.get_by_role("button", name="Train on the built-in digits").click()
    page.get_by_role("heading", name="digits-demo").wait_for()
    canceled(page)
    run_id = place.submit("good", *DIGITS, "trainer.max_steps=16", "trainer.eval_steps=8")
    place.submit_bad()
    page.goto(f"{place.app.url}?page=train")
    page.get_by_role("link", name="good").wait_for()
    page.get_by_text("waits for 1 CPU slot").wait_for()
    page.get_by_role("link", name="good").click()
    page.get_by_text("mean loss since the last log").wait_for()
    # Another session sees the same, from the address alone.
    other = page.context.browser.new_page()
    other.set_default_timeout(90_000)
    other.goto(page.url)
    other.get_by_text("mean loss since the last log").wait_for()
    other.close()
    page.get_by_text("SUCCEEDED").wait_for()
    seen(page, "step 16 of 16")
    page.get_by_text("it has done all of its steps").wait_for()

    page.get_by_role("button", name="Results").click()
    page.get_by_role("cell", name="macro_f1").or_(
        page.get_by_role("rowheader", name="macro_f1")
    ).wait_for()
    report = page.get_by_role("link", name="Evaluation report on test").get_attribute("href")
    answer = page.request.get(f"{place.app.url}{report}")
    assert answer.ok
    assert "sandbox" in answer.headers["content-security-policy"]
    page.wait_for_url("**show=results**")
    page.reload()
    page.get_by_role("rowheader", name="macro_f1").wait_for()

    page.get_by_role("button", name="Predictions").click()
    picture = page.get_by_role("img", name="Image 1 at step 16").first
    picture.wait_for()
    page.wait_for_function(
        "image => image.complete && image.naturalWidth > 20", arg=picture.element_handle()
    )
    page.get_by_role("button", name="Output").click()
    page.get_by_text("all steps done").wait_for()
    page.get_by_role("button", name="Parameters").click()
    page.get_by_label("Compare with").click()
    page.locator("li", has_text="the defaults of its options").click()
    page.get_by_role("columnheader", name="the defaults of its options").wait_for()
    assert page.get_by_role("rowheader", name="trainer.logging_steps").count() == 1
    assert page.get_by_role("rowheader", name="optim.learning_rate").count() == 0
    assert Ledger(place.uri).get(run_id).step == 16
    page.locator(f'a.MuiButton-root[href="?page=evaluate&run={run_id}"]').click()
    page.get_by_role("heading", name="Evaluate", exact=True).wait_for()
    page.get_by_text("All figures").wait_for()
    page.go_back()
    page.locator(f'a.MuiButton-root[href="?page=register&run={run_id}"]').click()
    page.get_by_role("heading", name="Register a run").wait_for()
    chosen = page.get_by_label("Run", exact=True)
    page.wait_for_function("(it) => it.value", arg=chosen.element_handle())
    assert chosen.input_value() == run_id
    page.get_by_role("button", name="Register", exact=True).wait_for()
    assert not faults, faults


def test_a_run_that_failed_says_why(page, place) -> None:
    place.submit_bad()
    page.set_default_timeout(90_000)
    page.goto(f"{place.app.url}?page=train")
    page.get_by_role("link", name="bad").click()
    page.get_by_text("The run failed").wait_for()
    page.get_by_text("nowhere").first.wait_for()


def test_a_run_is_canceled_and_resumed(page, place) -> None:
    page.set_default_timeout(90_000)
    run_id = place.submit("long", *DIGITS, "trainer.max_steps=100000", "trainer.eval_steps=50000")
    page.goto(f"{place.app.url}?page=run&run={run_id}")
    page.get_by_text("mean loss since the last log").wait_for()
    canceled(page)
    assert page.get_by_role("button", name="Cancel", exact=True).is_disabled()
    # It was stopped before its first evaluation: there is no model to do anything with.
    assert not page.locator("a[href*='page=register&run=']").filter(visible=True).count()
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("QUEUED").or_(page.get_by_text("RUNNING")).first.wait_for()
    canceled(page)
