"""One, two or four processes, whatever the order of their images: the same figures."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from problems import TASKS, evaluated

from cvcore.evaluate.analysis import analyse
from cvcore.evaluate.bootstrap import intervals


def merged(make, pairs, num_ranks):
    """Return the metric after each rank has seen every n-th image, in an order of its own."""
    states = []
    for rank in range(num_ranks):
        metric = make()
        for prediction, truth in pairs[rank::num_ranks][:: (-1) ** rank]:
            metric.update([prediction], [truth])
        states.append(pickle.loads(pickle.dumps(metric.state())))
    whole = make()
    for state in states:
        whole.merge(state)
    return whole


@pytest.mark.parametrize("num_ranks", [1, 2, 4])
@pytest.mark.parametrize("task", TASKS)
def test_figures_are_those_of_one_process(task, num_ranks):
    make, pairs = TASKS[task](22)
    alone, ranks = evaluated(make, pairs), merged(make, pairs, num_ranks)
    assert ranks.image_ids == alone.image_ids
    figures = alone.compute()
    assert sum(value > 0 for value in figures.values()) > 2
    for key, value in ranks.compute().items():
        assert value == pytest.approx(figures[key], abs=1e-6, nan_ok=True), key
    np.testing.assert_equal(ranks.per_class(), alone.per_class())
    assert intervals(ranks, 20) == intervals(alone, 20)
    one, many = analyse(alone), analyse(ranks)
    np.testing.assert_equal(vars(many), vars(one))


@pytest.mark.parametrize("task", TASKS)
def test_a_rank_without_images_changes_nothing(task):
    make, pairs = TASKS[task](3)
    np.testing.assert_equal(merged(make, pairs, 4).compute(), evaluated(make, pairs).compute())


@pytest.mark.parametrize("task", TASKS)
def test_an_image_that_two_ranks_have_seen_counts_once(task):
    make, pairs = TASKS[task](9)
    whole = evaluated(make, pairs)
    whole.merge(evaluated(make, pairs[3:6]).state())
    np.testing.assert_equal(whole.compute(), evaluated(make, pairs).compute())
