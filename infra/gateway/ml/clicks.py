"""What Label Studio asks at each click: nothing for the first three of an object, its outline for the fourth.

A click is answered or not, and never refused aloud: whoever clicked sees their points, and no outline.

Source:
    `label_studio/ml/models.py` of Label Studio 1.23.2, `interactive_annotating`; an empty result would take the clicks
    away as an outline does, so where there is none the answer is null.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import Engine

from blocks.database.engine import reading
from blocks.database.tables import Question
from blocks.errors import BadInput
from blocks.storage.stores import Store
from infra.gateway.ml.networks import OutlineNetworks
from infra.gateway.ml.windows import ClickedPicture, surroundings
from infra.gateway.pictures import ItemPictures, KnownItem
from tasks.detect.prompted.named import NamedNetwork, noted_network
from tasks.kinds.outlines.moving import moved_polygon
from tasks.review.questions.kinds.registry import kind_named, read_payload
from tasks.review.questions.task import MODEL_VERSION
from tasks.suggest.outlining.extremes import CLICKS, Extremes
from tasks.suggest.outlining.grab import Grown, grow

log = logging.getLogger(__name__)


class ClickedOutlines:
    """Outlines of what people click in questions that take clicks.

    Args:
        engine: The catalogue.
        store: Where the items' bytes are.
    """

    def __init__(self, engine: Engine, store: Store) -> None:
        self._engine = engine
        self._pictures = ItemPictures(engine, store)
        self._networks = OutlineNetworks(store)

    def close(self) -> None:
        """End."""
        self._networks.close()

    def answer(self, question_id: str, clicked: Sequence[Any]) -> dict[str, Any] | None:
        """Return the outlines of what was clicked as one prediction; None: there is none yet, or can be none.

        Args:
            question_id: As our task carries it.
            clicked: All clicks so far, as entries of a result; four of a class in turn are one object.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        with reading(self._engine) as session:
            question = session.get(Question, question_id)
            named = noted_network(session, question.batch_id) if question else None
        if question is None:
            return None
        payload = read_payload(question.payload)
        kind: Any = kind_named(payload.type)
        item = self._pictures.find_item(question.item_id) if kind.takes_clicks else None
        if item is None:
            return None
        try:
            by_class = kind.clicked(payload, clicked)
            if not by_class or any(len(points) % CLICKS for points in by_class.values()):
                for points in by_class.values():  # at the first click, so that it is there at the fourth
                    begun = points[len(points) - len(points) % CLICKS :]
                    self._pictures.around(item, surroundings(begun or points))
                    if named is not None and begun:
                        self._networks.look_ahead(named, self._shown(item), begun)
                return None
            regions = [
                region
                for class_name, points in by_class.items()
                for at in range(0, len(points), CLICKS)
                for region in self._outlined(kind, payload, class_name, points[at : at + CLICKS], (item, named))
            ]
        except BadInput as error:
            log.info("clicks come to no outline: %s", error)
            return None
        return {"result": regions, "score": 0.0, "model_version": MODEL_VERSION}

    def _outlined(
        self,
        kind: Any,
        payload: Any,
        class_name: str,
        points: Sequence[tuple[float, float]],
        of: tuple[KnownItem, NamedNetwork | None],
    ) -> list[dict[str, Any]]:
        clicked = Extremes.of(points, (of[0].width, of[0].height))
        grown = self._by_network(*of, clicked) or self._by_colours(of[0], clicked)
        found: list[dict[str, Any]] = kind.outlined(payload, class_name, grown.polygon, (points, grown.by))
        return found

    def _by_network(self, item: KnownItem, named: NamedNetwork | None, clicked: Extremes) -> Grown | None:
        return None if named is None else self._networks.grow(named, self._shown(item), clicked)

    def _shown(self, item: KnownItem) -> ClickedPicture:
        return ClickedPicture(item.id, (item.width, item.height), partial(self._pictures.around, item))

    def _by_colours(self, item: KnownItem, clicked: Extremes) -> Grown:
        picture, (left, top) = self._pictures.around(item, surroundings(clicked.points))
        grown = grow(picture, Extremes(*((x - left, y - top) for x, y in clicked.points)))
        return replace(grown, polygon=moved_polygon(grown.polygon, left, top)) if (left, top) != (0, 0) else grown
