"""Parts of a sequence as films, and the questions about their frames.

A part keeps the ids of its frames alone: a sequence may be of any length, so rows are read again where they are shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from blocks.database.tables import Item, Label
from blocks.storage.stores import Store
from tasks.intake.video.playable import Film, make_film
from tasks.intake.video.sequence_frames import frame_ids_of, read_frames
from tasks.review.posting.outbox import Draft
from tasks.review.questions.kinds.boxes.strip import StillPlace
from tasks.review.questions.kinds.films.shown import WatchedBox, WatchPayload
from tasks.review.questions.queue import MOST_TOGETHER
from tasks.settle.in_force import labels_in_force
from tasks.triage.boxes import in_shards


@dataclass(frozen=True, slots=True)
class FilmPart:
    """A part of a sequence, as one film.

    Attributes:
        collection: Whose labels are shown.
        sequence: Of which it is a part.
        film: Made already.
        asked: The ids of the frames that may be mended, one or more, each with its place in the film.
        homes: The batch of each.
        start: How many frames may stand before it in the order in which people watch.
    """

    collection: str
    sequence: str
    film: Film
    asked: tuple[tuple[int, str], ...]
    homes: Mapping[str, str]
    start: int = 0


def parts_to_ask(
    engine: Engine, store: Store, collection: str, sequence: str, homes: Mapping[str, str]
) -> Iterator[FilmPart]:
    """Make the films of the parts of a sequence, each when it is asked for; none where nothing may be mended.

    Args:
        engine: The catalogue.
        store: Where frames are, and films go.
        collection: Whose labels are shown.
        sequence: Which sequence.
        homes: The batch of each item that may be mended.

    Raises:
        UnreadableVideo: PyAV is not installed.
        UnfaithfulFilm: A film does not show its frames.
    """
    for part in in_shards(frame_ids_of(engine, collection, sequence), MOST_TOGETHER):
        asked = tuple((number, item_id) for number, item_id in enumerate(part) if item_id in homes)
        if asked:
            film = make_film(store, read_frames(engine, part))
            yield FilmPart(collection, sequence, film, asked, homes)


def drafts_of(engine: Engine, part: FilmPart, round_: int) -> list[Draft]:
    """Return the questions of a part: they are written before those of the next are made, since they are large."""
    item_ids = [item_id for _, item_id in part.asked]
    labels = labels_in_force(engine, item_ids, part.collection)
    found = []
    for (number, item_id), item in zip(part.asked, read_frames(engine, item_ids), strict=True):
        payload = _payload(item, number, part.film, labels[item_id]).model_dump(mode="json")
        found.append(Draft(part.homes[item_id], item_id, payload, round=round_, priority=-float(part.start + number)))
    return found


def _payload(item: Item, number: int, film: Film, labels: Sequence[Label]) -> WatchPayload:
    boxes = [
        WatchedBox(
            id=one.region,
            class_name=one.class_name,
            score=1.0,
            x_min=one.x_min,
            y_min=one.y_min,
            x_max=one.x_max,
            y_max=one.y_max,
            track=one.track,
        )
        for one in labels
        if one.x_min is not None
    ]
    return WatchPayload(
        width=item.width or 1,
        height=item.height or 1,
        prefill=[box.id for box in boxes],
        boxes=boxes,
        still=StillPlace(strip=film.name, number=number),
        film=film.name,
        frames=film.frames,
        rate=film.rate,
    )
