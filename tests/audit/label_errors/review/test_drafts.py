"""A picture with many labels is looked at again in parts, and only in those where something is suspicious."""

from tasks.audit.label_errors.finding import LabelFinding
from tasks.audit.label_errors.review.drafts import draft_look
from tasks.audit.label_errors.scores import Fault
from tasks.audit.label_errors.settled_labels import JudgedLabel, SettledItem
from tasks.review.drafts.cutting import PartOptions
from tasks.review.questions.kinds.boxes.part import is_part

PLACES = [(x, y) for y in range(50, 1200, 120) for x in range(50, 1800, 180)]
LABELS = tuple(JudgedLabel(f"l{n}", "car", (x, y, x + 60, y + 30), None, True) for n, (x, y) in enumerate(PLACES))
ITEM = SettledItem("i" * 64, "b1", "items/i", 1920, 1280, LABELS)


def finding(subject: str, fault: Fault = Fault.UNSEEN) -> LabelFinding:
    return LabelFinding(ITEM.item_id, fault, subject, "car", (900, 600, 960, 630), 0.8, "nothing there")


def test_only_the_part_with_the_suspicious_label_is_asked_about() -> None:
    (draft,) = draft_look(ITEM, [finding("l0")], 10, PartOptions())
    shown = [box["id"] for box in draft.payload["boxes"]]
    assert is_part(draft.subject)
    assert "l0" in shown and len(shown) < len(LABELS) / 2
    assert draft.payload["prefill"] == shown


def test_a_missing_label_is_asked_about_where_it_is_missing() -> None:
    (draft,) = draft_look(ITEM, [finding("new", Fault.OVERLOOKED)], 10, PartOptions())
    assert "new" in draft.payload["prefill"]
    assert draft.payload["part"]["frame"][0] <= 930 < draft.payload["part"]["frame"][2]


def test_what_is_odd_about_the_whole_picture_is_asked_about_all_of_it() -> None:
    drafts = draft_look(ITEM, [finding("", Fault.ODD)], 10, PartOptions())
    assert sorted(id_ for draft in drafts for id_ in draft.payload["prefill"]) == sorted(one.region for one in LABELS)


def test_without_parts_it_is_one_question() -> None:
    (draft,) = draft_look(ITEM, [finding("l0")], 10)
    assert (draft.subject, len(draft.payload["boxes"])) == ("", len(LABELS))
