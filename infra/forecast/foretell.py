"""From what is wanted to a forecast: the line as it can be tried here, the dry run, and its numbers."""

from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import Engine

from infra.annotators.people import FIRST_NAMES, People
from infra.annotators.times import HABIT_FOR
from infra.forecast.dry_run import DryRun, Say, Tried, dry_run
from infra.forecast.result import Forecast, Pay, QueueForecast
from infra.forecast.sample import Rehearsed
from infra.forecast.scaling import Resampled, columns_of, resample
from tasks.kinds.geometry import Floats
from tasks.kinds.registry import label_kind
from tasks.review.questions.kinds.registry import kind_named

if TYPE_CHECKING:
    from flows.options import LineOptions
    from tasks.review.questions.staffing import AnnotatorPool

HOUR = 3600.0


def foretell(
    sample: Rehearsed, real: Engine, wanted: Tried, detector_told: str, pay: Pay, say: Say = lambda _words: None
) -> Forecast:
    """Try a line on a sample and return what the whole collection would take.

    Args:
        sample: The pictures.
        real: The catalogue of the line, which is only read.
        wanted: The line, its detector and the people.
        detector_told: What the detector is, in words.
        pay: What people are paid.
        say: Told how far it is.

    Raises:
        BadWeights: The detector cannot be used.
        UnknownClass: The options speak of a class that the line does not have.
    """
    line, people, left_out = as_tried(wanted.line, wanted.people)
    run = dry_run(sample, real, Tried(line, wanted.detector, people, wanted.objects), say)
    queues = tuple(stop.queue.name for stop in line.queues)
    numbers = resample(columns_of(run, queues, _by_hand(run, line)), sample.pictures, people.seed)
    hours = numbers.total("seconds", 1 / HOUR)
    return Forecast(
        collection=sample.batch.collection,
        pictures=sample.pictures,
        sample=len(run.pictures),
        sample_unread=run.unread,
        truth=run.truth,
        detector=detector_told,
        people=people.count,
        skill=people.skill,
        pay=pay,
        queues=tuple(_queue(queue, run, numbers, pay) for queue in queues),
        questions=numbers.total("questions"),
        hours=hours,
        money=hours.times(pay.wage) if pay.wage is not None else None,
        hours_by_hand=numbers.total("by hand", 1 / HOUR),
        hours_by_hand_fastest=numbers.total("by hand, fastest", 1 / HOUR),
        share_of_by_hand=numbers.ratio("seconds", "by hand"),
        share_of_fastest=numbers.ratio("seconds", "by hand, fastest"),
        labels=numbers.total("labels"),
        precision=numbers.ratio("right", "labels"),
        recall=numbers.ratio("right", "true"),
        notes=(
            *sample.notes,
            *_of_size(len(run.pictures), sample.pictures, wanted),
            *left_out,
            *_of_detector(run, wanted),
        ),
    )


def as_tried(line: "LineOptions", people: People) -> "tuple[LineOptions, People, tuple[str, ...]]":
    """Return a line as simulated people can try it, enough people for it, and what that leaves out.

    Who may answer are the simulated people, and their referees where the line has some. Gold and risk control come once
    for a queue or a batch, not for a picture, so a sample does not tell what they take.
    """
    pools = (line.annotator_pool, line.expert_pool)
    overlap = max((pool.overlap.most for pool in pools if pool.overlap), default=1)
    referees = max(people.referees, *(len(pool.referees) for pool in pools))
    team = people.model_copy(
        update={
            "count": min(len(FIRST_NAMES), max(people.count, overlap)),
            "referees": min(len(FIRST_NAMES), referees),
            "drawing": HABIT_FOR[line.annotator_pool.drawing],
        }
    )
    queues = {kind_named(stop.queue.kind).settles: stop.queue.name for stop in line.queues}
    tried = line.model_copy(
        update={
            "annotator_pool": _pool(line.annotator_pool, team, queues["items"]),
            "expert_pool": _pool(line.expert_pool, team, queues.get("kinds", "")),
            "risk_control": None,
        }
    )
    left_out = []
    if line.risk_control:
        left_out.append(
            "risk_control asks about a sample of boxes in each batch, one by one: that comes on top, and boxes are "
            "accepted here by the scores of triage"
        )
    gold = max((pool.gold.share for pool in pools if pool.gold), default=0.0)
    if gold:
        left_out.append(f"gold questions (a share of {gold:g}) come on top")
    return tried, team, tuple(left_out)


def _pool(pool: "AnnotatorPool", team: People, queue: str) -> "AnnotatorPool":
    referees = tuple(person.email for person in team.referees_of(queue)) if pool.referees else ()
    return pool.model_copy(update={"annotators": (), "referees": referees, "gold": None})


def _by_hand(run: DryRun, line: "LineOptions") -> dict[str, Floats]:
    """Return seconds by hand for each picture, as the kind of label says: all that is true, or every class."""
    by_hand = label_kind(line.label_kind).by_hand
    both = [by_hand.seconds(picture.true, 1, len(line.classes)) for picture in run.pictures]
    usual, fastest = np.array(both, np.float64).reshape(-1, 2).T
    return {"by hand": usual, "by hand, fastest": fastest}


def _queue(queue: str, run: DryRun, numbers: Resampled, pay: Pay) -> QueueForecast:
    seconds = [time.seconds for time in run.times if time.queue == queue]
    hours = numbers.total(f"seconds {queue}", 1 / HOUR)
    return QueueForecast(
        queue=queue,
        questions=numbers.total(f"questions {queue}"),
        seconds_median=float(np.median(seconds)) if seconds else None,
        seconds_p95=float(np.quantile(seconds, 0.95)) if seconds else None,
        hours=hours,
        money=hours.times(pay.wage) if pay.wage is not None else None,
    )


def _of_size(pictures: int, of: int, wanted: Tried) -> list[str]:
    share = wanted.line.triage.audit_share
    if wanted.detector.is_nobody or pictures >= of or pictures * share >= 1:
        return []
    enough = min(ceil(1 / share), of)
    return [
        f"one picture at least is drawn whole for the audit, and of the {pictures} tried that is more than its share "
        f"of {share:.0%}, so this is a guess from above: {enough} pictures or more tell better (--sample)"
    ]


def _of_detector(run: DryRun, wanted: Tried) -> list[str]:
    told = []
    if run.lacking:
        known = "people find these without boxes, as many as the labels of the sample have"
        unknown = "how many of these there are nothing tells, so none is counted in"
        why = known if run.truth == "labels" else unknown
        told.append(f"the detector does not know {', '.join(run.lacking)}: {why}")
    if run.truth == "detector":
        told.append(
            "the detector was taken by its word: what it does not propose is not there, and a box is real with the "
            "chance that its score says. So this is a guess from below; by hand is the one from above"
        )
    if wanted.detector.is_nobody:
        told.append(
            "without a detector the line learns from round to round and asks less and less: this is a guess from above"
        )
    return told
