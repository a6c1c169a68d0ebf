"""Boxes and answers of people, for the tests of consensus."""

from tasks.review.consensus.box_matching import PersonAnswer
from tasks.review.questions.kinds.boxes.regions import AnsweredBox

Edges = tuple[float, float, float, float]

HERE: Edges = (100.0, 100.0, 200.0, 180.0)
THERE: Edges = (400.0, 300.0, 480.0, 360.0)


def box(edges: Edges, class_name: str = "car", name: str = "") -> AnsweredBox:
    """Return a box that a person drew."""
    x_min, y_min, x_max, y_max = edges
    region = name or f"{class_name}@{x_min:g},{y_min:g}"
    return AnsweredBox(
        id=region, class_name=class_name, x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max, untouched=False
    )


def moved(edges: Edges, dx: float, dy: float = 0.0) -> Edges:
    """Return edges moved by so many pixels."""
    return edges[0] + dx, edges[1] + dy, edges[2] + dx, edges[3] + dy


def said(person: str, *boxes: AnsweredBox | Edges) -> PersonAnswer:
    """Return one person's answer; bare edges are cars."""
    return PersonAnswer(person, tuple(one if isinstance(one, AnsweredBox) else box(one) for one in boxes))
