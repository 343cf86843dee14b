"""A board without a figure says why, and what there is."""

from panel_app.background.curve import Curve
from panel_app.background.feed import Feed
from panel_app.views.board import Board, Subject


def test_an_empty_board_says_what_there_is_and_what_to_choose() -> None:
    feed = Feed("run", lambda: None, lambda _: None)
    board = Board(lambda: None)
    board.show([Subject(feed)])
    assert board.words.object == "No metric was logged yet. Curves begin with the first one."

    feed.curves["system/cpu"] = Curve()
    board.update()
    assert board.words.object == "Nothing of loss and quality was logged yet. There is: System."
    board.groups.value = []
    assert board.words.object == "Choose what is drawn: System."
    board.groups.value = ["System"]
    assert not board.words.visible
