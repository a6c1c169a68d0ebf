"""Watch: a followed sequence as a film with its tracks, to be mended where they go astray.

Each frame stays a question of its own, about its own item: the film is only how they are shown and answered together.
So whoever mends three frames has changed the labels of three, and left those of the others.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal
from xml.etree import ElementTree

from blocks.errors import BadRegion, UnknownClass
from blocks.servers.annotation_server import AnnotationServer
from tasks.kinds.geometry import bounds_of
from tasks.review.questions.kinds.boxes.regions import AnsweredBox, sort_boxes
from tasks.review.questions.kinds.boxes.strip import STILLS
from tasks.review.questions.kinds.controls import HOTKEYS, add_classes, add_question
from tasks.review.questions.kinds.films.dealing import deal_tracks, is_of_another_film, is_track
from tasks.review.questions.kinds.films.key_frames import frames_told, read_track
from tasks.review.questions.kinds.films.shown import TRACK, VIDEO, WatchPayload, shown_tracks, to_region
from tasks.review.questions.kinds.protocol import Asking, ParsedAnswer, QuestionKind, SaidLabel
from tasks.review.questions.kinds.together import Dealt, OneOfSeveral, Together, View
from tasks.review.questions.parts import SetAsidePart, passed_over, set_aside

TRACK_CLASS = "track-class"
"""The control with which people say what a track is."""

RATE = "rate"
"""The field of a task's data with the film's frames a second: without it Label Studio takes 24."""


class WatchAnswer(AnsweredBox):
    """A label as a person left it, and whose it is."""

    track: str | None = None


class AsFilm(Together):
    """Frames as a film: they may be of several batches, as key frames and those between are."""

    spans_batches: ClassVar[bool] = True

    def view(self, server: AnnotationServer, title: str, asked: Sequence[OneOfSeveral]) -> View:
        """Return the film, which of its frames are asked, and the tracks as regions."""
        payloads = [one.payload for one in asked]
        frames = [{"question": one.question_id, "frame": one.payload.frame} for one in asked]
        data = {VIDEO: server.film_link(payloads[0].film), RATE: payloads[0].rate, "why": "", STILLS: frames}
        return data, [to_region(track, payloads) for track in shown_tracks(payloads)]

    def deal(self, payloads: Sequence[Any], result: Sequence[Any], classes: Sequence[str]) -> Dealt:
        """Part an answer among the frames."""
        known = [one if isinstance(one, WatchPayload) else None for one in payloads]
        return deal_tracks(known, result, classes)


class Watch(QuestionKind[WatchPayload]):
    """Watch a film, and mend its tracks."""

    name = "watch"
    payload = WatchPayload
    control = TRACK
    about = VIDEO
    allows_empty = True
    shows_proposals = True
    settles: ClassVar[Literal["items", "kinds"] | None] = "items"
    answers_are = "boxes"
    mends = True
    together = AsFilm()

    def add_controls(self, view: ElementTree.Element, queue: Asking) -> None:
        """Show the film, its tracks, and the classes to draw with."""
        add_question(view, queue.title)
        names = ElementTree.SubElement(view, "Labels", name=TRACK_CLASS, toName=VIDEO)
        add_classes(names, queue.classes, HOTKEYS, is_chosen=len(queue.classes) == 1)
        sides = {"height": "440", "timelineHeight": "110"}  # nobody scrolls for the timeline at 1440 x 900
        ElementTree.SubElement(view, "Video", {"name": VIDEO, "value": f"${VIDEO}", "frameRate": f"${RATE}", **sides})
        ElementTree.SubElement(view, "VideoRectangle", name=TRACK, toName=VIDEO)

    def task_data(self, server: AnnotationServer, queue: Asking, item_id: str, payload: WatchPayload) -> dict[str, Any]:
        """Return nothing: a frame is never asked alone."""
        return {}

    def parse(self, payload: WatchPayload, result: Sequence[Any], queue: Asking) -> ParsedAnswer:
        """Return the boxes of one frame, given what was dealt to it.

        Raises:
            BadRegion: They were drawn in a film of another length.
        """
        parts = [
            _as_part(position, one, payload, queue.classes) for position, one in enumerate(result) if is_track(one)
        ]
        places = [position for position, one in enumerate(result) if not is_track(one)]
        boxes = [result[position] for position in places]
        said, others = sort_boxes(boxes, payload.width, payload.height, queue.classes, payload.boxes)
        parts += [SetAsidePart(places[one.position], one.reason, one.raw, one.is_region) for one in others]
        whose = {str(one.get("id")): one.get(TRACK) for one in boxes if isinstance(one, dict)}
        answered = [WatchAnswer(**box.model_dump(), track=whose.get(box.id)) for box in said]
        return ParsedAnswer([box.model_dump() for box in answered], tuple(parts))

    def labels(self, row: Mapping[str, Any], said: Sequence[dict[str, Any]]) -> tuple[SaidLabel, ...]:
        """Return the boxes, and whose they are where that is not as it was shown."""
        whose = {box["id"]: box.get(TRACK) for box in row["boxes"]}
        boxes = [WatchAnswer.model_validate(one) for one in said]
        new = [None if box.track == whose.get(box.id) else box.track for box in boxes]
        return tuple(
            SaidLabel(box.id, box.class_name, bounds_of(box), box.untouched, None, track, is_glanced=box.untouched)
            for box, track in zip(boxes, new, strict=True)
        )

    def asks_for(self, queue: Asking) -> frozenset[str]:
        """Return all classes of the queue: people mend every object of them."""
        return frozenset(queue.classes)


WATCH = Watch()


def _as_part(position: int, entry: Any, payload: WatchPayload, classes: Sequence[str]) -> SetAsidePart:
    """Return a track that was dealt to a frame as it came, which is why it could not be read."""
    if is_of_another_film(entry, payload.frames):
        raise BadRegion(
            f"track {str(entry.get('id'))[:80]!r} was drawn in a film of {frames_told(entry):g} frames (this one has "
            f"{payload.frames}): open the question again"
        )
    try:
        read_track(entry, payload.frames, classes)
    except (BadRegion, UnknownClass) as error:
        return set_aside(position, entry, error)
    return passed_over(position, entry)
