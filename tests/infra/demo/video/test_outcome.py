"""The numbers of the demo of video: tracks against drawn truth, and a table that says what they are against."""

import pytest
from rich.console import Console

from blocks.database.tables import Label
from infra.demo.scenes.drawn_truth import DrawnBox
from infra.demo.video.film import SeenVehicle
from infra.demo.video.outcome import VideoReport, accuracy_of_tracks, report_table

TRUTH = [
    [SeenVehicle(track, DrawnBox("car", None, x, y, x + 40, y + 20)) for track, y in ((0, 10), (1, 60))]
    for x in range(0, 60, 6)
]


def said(names: dict[int, str], switch_at: int = 99) -> list[list[Label]]:
    return [
        [
            Label(
                id=f"{at}-{seen.track}",
                item_id=str(at),
                region="r",
                class_name="car",
                x_min=seen.box.x_min,
                y_min=seen.box.y_min,
                x_max=seen.box.x_max,
                y_max=seen.box.y_max,
                origin="person",
                batch_id="b",
                track=names[seen.track if at < switch_at else 1 - seen.track],
            )
            for seen in frame
        ]
        for at, frame in enumerate(TRUTH)
    ]


def test_tracks_that_are_right_are_worth_all_and_swapped_ones_are_not() -> None:
    right = accuracy_of_tracks(said({0: "a", 1: "b"}), TRUTH)
    assert (right["hota"], right["idf1"], right["id_switches"]) == (1, 1, 0)
    swapped = accuracy_of_tracks(said({0: "a", 1: "b"}, switch_at=5), TRUTH)
    assert swapped["hota"] < 0.8 and swapped["id_switches"] == 2


def test_the_table_says_what_people_spent_against_what(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = dict.fromkeys((name for name, one in VideoReport.model_fields.items() if one.is_required()), 1)
    numbers |= {"human_seconds": 300, "human_seconds_manual": 3000, "human_seconds_manual_fastest": 1000}
    report = VideoReport.model_validate({**numbers, "human_seconds_by_act": {}})
    Console(width=100).print(report_table(report))
    printed = capsys.readouterr().out
    assert "by hand: 10.0%" in printed and "by extreme clicks: 30.0%" in printed
