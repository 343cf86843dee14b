"""What the app makes of a report of any task: images found, drawn and told; no browser needed."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from panel_app.evaluate.find import Wanted, find
from panel_app.evaluate.items import Items
from panel_app.evaluate.pictures import Pictures
from panel_app.evaluate.study import Studies
from panel_app.media import Media
from panel_app.pages.evaluate import html
from panel_app.roots import Roots


class Services:
    """What an opened evaluation needs of the app's services."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.media, self.roots, self.artifacts = Media("secret"), Roots([folder, "/tmp"]), self

    def file(self, run_id: str, path: str) -> Path:
        return self.folder / Path(path).relative_to("report")


@pytest.fixture
def services(report, tmp_path, monkeypatch) -> Services:
    monkeypatch.setenv("LAKESIGHT_STATE_DIR", str(tmp_path))
    return Services(report.folder)


def test_every_section_and_image_of_every_task(report, services) -> None:
    studies = Studies(services)
    pictures = Pictures(services, studies)
    study = studies.open("run/report")
    assert studies.open("run/report") is study
    for made in (html.headline, html.errors, html.slices):
        assert "<" in made(study)
    assert re.search("precision|without a score|no curve", html.curves(study, ""))
    assert html.curves(study, study.labels.names[0])

    num = len(report.truths)
    everything = find(study, Wanted())
    assert sorted(everything.tolist()) == list(range(num))
    right, wrong = (set(find(study, Wanted(kind)).tolist()) for kind in ("found", "wrong"))
    assert right | wrong or study.coco is not None
    confusion = json.loads((report.folder / "confusion.json").read_text())
    if study.task == "classification":
        assert not right & wrong
        assert len(right | wrong) == num
    for true, predicted, count in confusion.get("cells", [])[:6]:
        found = find(study, Wanted(cell=(true, predicted)))
        assert 0 < len(found) <= min(count, num)

    items = Items(pictures, study)
    for place in everything[:3].tolist():
        (small,), large = items.small([place]), items.large(place)
        assert small["said"]
        assert large["facts"]
        answer = services.media.make(
            "evaluation-image", {"key": study.key, "at": place, "small": 1}
        )
        size = Image.open(io.BytesIO(answer.body)).size
        assert size == (large["size"][1], large["size"][0])
        if study.coco is not None:
            judged = study.judged
            missed = judged.counts_M & ~judged.found_M & (judged.image_M == place)
            states = [box[0] for box in large["boxes"]]
            assert states.count(6) == np.count_nonzero(missed)
            assert states.count(0) == np.count_nonzero(judged.found_M & (judged.image_M == place))
            wrong_here = np.count_nonzero(judged.wrong & (judged.image_R == place))
            assert sum(0 < state < 6 for state in states) == wrong_here
        elif study.task != "classification":
            for mode in ("mistakes", "prediction", "truth"):
                values = {"key": study.key, "at": place, "small": False, "mode": mode}
                mask = Image.open(io.BytesIO(services.media.make("evaluation-mask", values).body))
                assert mask.size == (large["size"][1], large["size"][0])
                assert np.asarray(mask)[..., 0].max() <= len(study.labels)
