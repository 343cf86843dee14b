"""A curve of this process: thinned, smoothed, zoomed, and never doubled."""

from types import SimpleNamespace

import numpy as np

from cvcore.metrics.stream import MetricReader, Points
from panel_app.background.curve import ZOOM_POINTS, Curve
from panel_app.background.feed import Feed
from panel_app.background.screen import START
from panel_app.background.thin import SCREEN_POINTS
from panel_app.views.chart import Chart, Look, Series


def points(steps, values=None, time: int = 0) -> Points:
    steps = list(steps)
    values = [float(s) for s in steps] if values is None else values
    return Points.of((s, float(v), time + s) for s, v in zip(steps, values, strict=True))


def test_a_spike_in_a_million_points_is_on_the_screen_and_exact_on_zoom() -> None:
    values = np.random.default_rng(0).normal(size=1_000_000)
    values[765_432] = 99
    curve = Curve()
    steps = np.arange(1_000_000)
    curve.add(Points(steps, values, steps))
    shown = curve.pull()
    assert len(shown.steps) <= SCREEN_POINTS
    assert shown.values[np.searchsorted(shown.steps, 765_432)] == 99
    assert (shown.steps[0], shown.steps[-1]) == (0, 999_999)
    steps_N, values_N, is_all = curve.window(765_000, 766_000)
    assert is_all
    assert np.array_equal(steps_N, np.arange(764_999, 766_002))
    assert np.array_equal(values_N, values[764_999:766_002])
    assert len(curve.window(0, 999_999)[0]) <= ZOOM_POINTS


def test_a_session_gets_only_what_it_lacks() -> None:
    curve = Curve()
    curve.add(points(range(10)))
    first = curve.pull()
    assert first.anew
    assert curve.pull(first.place) is None
    curve.add(points([10, 11]))
    second = curve.pull(first.place)
    assert not second.anew
    assert second.steps.tolist() == [10, 11]
    # Long after it is thinned anew: the session starts over.
    for start in range(12, 5_012, 500):
        curve.add(points(range(start, start + 500)))
    third = curve.pull(second.place)
    assert third.anew
    assert len(third.steps) <= SCREEN_POINTS + 1_000


def test_a_step_logged_again_is_no_second_point_and_a_late_one_finds_its_place() -> None:
    curve = Curve()
    curve.add(points([1, 2, 4]))
    place = curve.pull().place
    assert not curve.add(points([2, 4]))
    assert curve.pull(place) is None
    assert curve.add(points([2, 3, 5], [20, 30, 50], time=9))
    assert curve.steps.tolist() == [1, 2, 3, 4, 5]
    assert curve.values.tolist() == [1, 20, 30, 4, 50]
    assert curve.pull(place).anew
    # Twice in one answer: the newest counts.
    curve.add(Points.of([(6, 1.0, 200), (6, 2.0, 100)]))
    assert curve.values[-1] == 1


def test_what_is_not_finite_leaves_no_mark() -> None:
    curve = Curve()
    assert not curve.add(points([1], [float("nan")]))
    assert curve.add(points([1, 2, 3], [float("inf"), 5, float("nan")]))
    assert curve.steps.tolist() == [2]


def test_smoothing_is_the_debiased_average_however_it_grew() -> None:
    raw = np.random.default_rng(1).normal(size=3_000)
    weight = 0.9
    total, weights, wanted = 0.0, 0.0, []
    for value in raw:
        total, weights = weight * total + value, weight * weights + 1
        wanted.append(total / weights)
    curve = Curve()
    curve.add(points(range(100), raw[:100]))
    curve.pull(START, weight)
    for start in range(100, 3_000, 290):
        end = min(start + 290, 3_000)
        curve.add(points(range(start, end), raw[start:end]))
    steps, values, _ = curve.window(0, 3_000, weight)
    assert np.array_equal(steps, np.arange(3_000))
    np.testing.assert_allclose(values, wanted, rtol=1e-9)
    other = Curve()
    other.add(points(range(3_000), raw))
    np.testing.assert_allclose(other.window(0, 3_000, 0.05)[1][1], (0.05 * raw[0] + raw[1]) / 1.05)


def test_a_range_of_a_sampled_curve_is_read_from_the_server(tmp_path) -> None:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client = MlflowClient(f"sqlite:///{tmp_path}/mlruns.db")
    run_id = client.create_run(client.create_experiment("long")).info.run_id
    logged = [Metric("train/loss", float(i % 7), i, i) for i in range(6_000)]
    for start in range(0, 6_000, 1_000):
        client.log_batch(run_id, metrics=logged[start : start + 1_000])
    reader = MetricReader(client)
    # Of a feed that may hold no more points, the sample is all there is.
    feed = Feed(run_id, lambda: reader, lambda _: None, most_points=0)
    feed._begin("train/loss")
    assert not feed.curves["train/loss"].is_whole
    assert len(feed.curves["train/loss"]) < 6_000
    asked = []
    chart = Chart("loss", "", Look(), asked.append)
    chart.add(Series(feed, "train/loss", "train", "#168a96", "solid"))
    chart.update()
    chart._ranges(SimpleNamespace(x0=2_000.5, x1=3_000.5))
    assert asked == [chart]
    sampled = len(chart.series[run_id, "train/loss"].raw.data["step"])
    chart.show_exact(chart.exact(reader))
    shown = chart.series[run_id, "train/loss"].raw.data
    assert np.array_equal(shown["step"], np.arange(2_000, 3_002))
    assert np.array_equal(shown["value"], np.arange(2_000, 3_002) % 7)
    assert sampled < 1_002
