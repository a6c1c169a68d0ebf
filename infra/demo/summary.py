"""What a person sees at the end of a run: a short table, a picture and three addresses."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Item, Outcome, Proposal, Verdict
from blocks.published_times import DRAW_BOX, DRAW_BOX_FAST, PublishedTime
from blocks.storage.stores import Store
from infra.demo.outcome import DemoReport
from infra.stack.state import StackState
from tasks.intake.images import read_item
from tasks.settle.in_force import labels_in_force
from tasks.settle.pictures import (
    ORIGIN_COLOURS,
    ORIGIN_WORDS,
    OUTCOME_COLOURS,
    OUTCOME_WORDS,
    Coloured,
    draw_with_legend,
    items_to_show,
)
from tasks.settle.truth import MACHINE, PERSON

PICTURE_WIDTH_PX = 1600


def print_summary(console: Console, title: str, outcome: DemoReport, state: StackState, *, stays_up: bool) -> None:
    """Print what a run saved and where to look: files, and the addresses of the user interfaces."""
    home = state.home
    console.print(summary_table(title, outcome))
    console.print(
        f"picture:      {home / 'picture.jpg'}\nreport:       {home / 'report.json'}\n"
        f"Prefect:      {state.urls.prefect_ui}\nLabel Studio: {state.urls.label_studio}\n"
        f"MLflow:       {state.urls.mlflow}\nwhat to type there: labelline --home {home} login",
        soft_wrap=True,
    )
    here = f"labelline --home {home}"
    console.print(
        "Next, with the servers up:\n"
        f"  {here} export {outcome.collection} --format coco --out DIR   # takes the labels along\n"
        f"  {here} show {outcome.collection}   # how it stands\n"
        f"  {state.urls.gateway}/gallery/   # every picture with its labels",
        soft_wrap=True,
    )
    if stays_up:
        console.print(f"To end them: labelline --home {home} down", soft_wrap=True)
        return
    console.print(f"The servers are down now; to look around: labelline --home {home} up", soft_wrap=True)


def summary_table(title: str, outcome: DemoReport) -> Table:
    """Return the numbers of a run as a table."""
    table = Table("what", "number", "against", title=title)
    seconds, worth = outcome.human_seconds, outcome.worth
    wall, unprompted = outcome.wall_seconds, outcome.unprompted_answers
    for row in (
        ("boxes found with tiles", f"{outcome.boxes_tiled:,}", f"{outcome.boxes_whole_frame:,} on whole frames"),
        ("labels", f"{outcome.labels:,}", f"on {outcome.items:,} pictures"),
        (
            "accepted without people",
            _share(outcome.share_accepted if worth.unseen_labels else None, "none"),
            f"{_share(worth.unseen_precision)} of them right; nobody has looked at them"
            if worth.unseen_labels
            else "people have looked at every picture",
        ),
        ("questions answered", f"{outcome.questions_answered:,}", f"of {outcome.questions_asked:,} asked"),
        *([("of these without proposals", f"{unprompted:,}", "lost on the way")] if unprompted else []),
        ("human time", in_hours(seconds), _against(seconds, outcome.human_seconds_manual, DRAW_BOX)),
        ("", "", _against(seconds, outcome.human_seconds_manual_fastest, DRAW_BOX_FAST)),
        ("precision of the labels", _share(worth.precision), f"{worth.right:,} of {worth.labels:,} labels are correct"),
        ("recall of the labels", _share(worth.recall), f"{worth.right:,} of {worth.truths:,} objects have a label"),
        ("mAP50 before → after", _map50(outcome), _on_test(outcome)),
        ("wall time", f"{wall.get('total', 0):.0f} s", f"of which training {wall.get('train', 0):.0f} s"),
        ("beside work and waiting", f"{outcome.overhead_share:.1%}", "of the wall time"),
    ):
        table.add_row(*row)
    return table


def _share(share: float | None, nothing: str = "not measured") -> str:
    return nothing if share is None else f"{share:.1%}"


def _map50(outcome: DemoReport) -> str:
    if not outcome.test_boxes:
        return "not measured"
    return f"{outcome.map50_before:.3f} → {outcome.map50_after:.3f}"


def _against(seconds: float, by_hand: float, draw: PublishedTime) -> str:
    """Say what another way would have cost, also where it is the better one."""
    told = f"{in_hours(by_hand)} to {draw.what} ({draw.seconds} s)"
    if not by_hand:
        return told
    change = 1 - seconds / by_hand
    return f"{told}: {change:.0%} spared" if change >= 0 else f"{told}: {-change:.0%} more than that"


def in_hours(seconds: float) -> str:
    """Return a duration as hours and minutes, or minutes and seconds where it is short."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _on_test(outcome: DemoReport) -> str:
    verdict = "promoted" if outcome.promoted else "not promoted"
    return f"{verdict}; {outcome.test_boxes:,} boxes on {outcome.test_items} held-out pictures"


def draw_picture(engine: Engine, store: Store, outcome: DemoReport, path: Path) -> None:
    """Write a picture of one asked item: what the detector proposed above, what settled below."""
    import cv2

    shown = items_to_show(engine, outcome.batch_id, 1)
    if not shown:
        return
    item = shown[0][0]
    image = read_item(store, item.key)
    above, below = _proposed(engine, outcome, item), _settled(engine, outcome, item)
    panels = [draw_with_legend(image, groups, PICTURE_WIDTH_PX) for groups in (above, below)]
    cv2.imwrite(str(path), np.concatenate(panels), [cv2.IMWRITE_JPEG_QUALITY, 85])


def _proposed(engine: Engine, outcome: DemoReport, item: Item) -> Sequence[Coloured]:
    query = (
        select(Verdict.outcome, Proposal)
        .join(Verdict, col(Verdict.proposal_id) == Proposal.id)
        .where(Verdict.batch_id == outcome.batch_id, Proposal.item_id == item.id)
        .where(Verdict.outcome != Outcome.DROP.value)
    )
    with reading(engine) as session:
        rows = session.exec(query).all()
    return [
        Coloured(
            colour,
            [(p.x_min, p.y_min, p.x_max, p.y_max) for name, p in rows if name == verdict],
            words=OUTCOME_WORDS[verdict],
        )
        for verdict, colour in OUTCOME_COLOURS.items()
        if verdict != Outcome.DROP.value
    ]


def _settled(engine: Engine, outcome: DemoReport, item: Item) -> Sequence[Coloured]:
    labels = labels_in_force(engine, [item.id], outcome.collection).get(item.id, [])
    return [
        Coloured(
            colour,
            [(box.x_min, box.y_min, box.x_max, box.y_max) for box in labels if box.origin == origin],
            words=ORIGIN_WORDS[origin],
        )
        for origin, colour in ORIGIN_COLOURS.items()
        if origin in (MACHINE, PERSON)  # a demo begins with no labels
    ]
