"""A legend that is drawn with the colours of the boxes cannot name other ones; names stand on their boxes."""

import numpy as np
import pytest

from tasks.settle.lettering import STRIP_PX, add_legend, write_tags
from tasks.settle.pictures import (
    BLUE,
    GREEN,
    ORANGE,
    ORIGIN_COLOURS,
    ORIGIN_WORDS,
    OUTCOME_COLOURS,
    OUTCOME_WORDS,
    Coloured,
    draw_boxes,
    draw_with_legend,
)

GROUND = np.full((300, 400, 3), 90, dtype=np.uint8)


def colours_in(image: np.ndarray) -> set[tuple[int, ...]]:
    return {tuple(int(part) for part in colour) for colour in np.unique(image.reshape(-1, 3), axis=0)}


@pytest.mark.parametrize(
    ("colours", "words"),
    [(OUTCOME_COLOURS, OUTCOME_WORDS), (ORIGIN_COLOURS, ORIGIN_WORDS)],
    ids=["proposals", "labels"],
)
def test_every_colour_that_is_drawn_is_in_the_legend(
    colours: dict[str, tuple[int, int, int]], words: dict[str, str]
) -> None:
    groups = [
        Coloured(colour, [(50.0 * n + 5, 20, 50.0 * n + 40, 90)], words=words[name])
        for n, (name, colour) in enumerate(colours.items())
    ]
    shown = draw_with_legend(GROUND, groups)
    legend = shown[GROUND.shape[0] :]
    assert legend.shape[0] >= STRIP_PX
    for group in groups:
        assert group.colour_bgr in colours_in(shown[: GROUND.shape[0]])
        assert group.colour_bgr in colours_in(legend)


def test_a_legend_is_read_on_a_dark_page_and_on_a_light_one() -> None:
    legend = add_legend(GROUND, [("accepted: 3", GREEN)])[GROUND.shape[0] :]
    assert {(255, 255, 255), (32, 32, 32)} <= colours_in(legend), "dark letters on its own white"


def test_a_legend_that_is_too_wide_goes_on_in_the_next_line() -> None:
    entries = [("people were asked about this: 12", ORANGE), ("from the machine, and nobody looked: 7", BLUE)] * 2
    assert add_legend(GROUND, entries).shape == (GROUND.shape[0] + 4 * STRIP_PX, 400, 3)
    assert add_legend(GROUND, []).shape == GROUND.shape


def test_a_box_bears_its_name_on_its_colour() -> None:
    plain = draw_boxes(GROUND, [Coloured(BLUE, [(100, 100, 200, 200)])])
    named = draw_boxes(GROUND, [Coloured(BLUE, [(100, 100, 200, 200)], names=["Straßenbahn"])])
    above = (slice(85, 99), slice(101, 160))
    assert BLUE not in colours_in(plain[above])
    assert {BLUE, (255, 255, 255)} <= colours_in(named[above])


def test_names_of_boxes_on_one_spot_do_not_cover_each_other() -> None:
    once = write_tags(GROUND, [((50, 50), "car", BLUE)])
    assert (write_tags(GROUND, [((50, 50), "car", BLUE), ((54, 52), "bus", ORANGE)]) == once).all()
    assert write_tags(GROUND, []) is GROUND
