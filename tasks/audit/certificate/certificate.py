"""The certificate of a snapshot: what is in it, who labelled it, and how wrong it may be, with the evidence for that.

Only what was measured is stated. What was not is written as "not measured": an absent bound is never a bound of zero.
"""

from datetime import datetime
from typing import Literal

from pydantic import Field, model_validator

from blocks.frozen import Frozen
from tasks.settle.artifacts import in_words


class Bound(Frozen):
    """A measured rate and what it is at most, with the evidence."""

    rate: float | None = Field(ge=0, le=1, description="as measured; None: nothing was judged")
    at_most: float | None = Field(ge=0, le=1, description="upper bound; None: not enough evidence for one")
    confidence: float = Field(gt=0, lt=1)
    judged: int = Field(ge=0, description="boxes or objects that people judged")
    wrong: int = Field(ge=0, description="wrong, or false negatives, among them")
    draws: int = Field(ge=0, description="independent random draws that brought them")
    drawn: Literal["items", "boxes"]
    scope: Literal["batch", "stream"]
    of: int | None = Field(
        default=None, ge=0, description="boxes that the rate is of, judged ones included; batch only"
    )

    @model_validator(mode="after")
    def _adds_up(self) -> "Bound":
        if self.wrong > self.judged or self.draws > self.judged:
            raise ValueError(f"{self.wrong} wrong of {self.judged} judged in {self.draws} draws does not add up")
        if self.at_most is not None and not self.judged:
            raise ValueError(f"a bound of {self.at_most} without a single judgement")
        return self


class Labellers(Frozen):
    """How many labels came from whom."""

    accepted_without_look: int = Field(default=0, ge=0, description="machine labels that nobody looked at")
    confirmed_by_people: int = Field(
        default=0, ge=0, description="machine proposals that a person saw and left as they were"
    )
    corrected_by_people: int = Field(default=0, ge=0, description="machine proposals that a person changed")
    added_by_people: int = Field(default=0, ge=0, description="drawn by a person where no machine had proposed")
    imported: int = Field(default=0, ge=0, description="came in from elsewhere, and nobody here has looked at them")

    @property
    def total(self) -> int:
        """All labels."""
        looked_at = self.confirmed_by_people + self.corrected_by_people + self.added_by_people
        return self.accepted_without_look + looked_at + self.imported


class ClassCertificate(Frozen):
    """What the certificate says of one class."""

    name: str
    labellers: Labellers
    accept_from: float | None = Field(default=None, description="score from which proposals were accepted unseen")
    error: Bound | None = Field(default=None, description="wrong among labels accepted unseen; None: not measured")
    misses: Bound | None = Field(
        default=None, description="false negatives: objects without a label; None: not measured"
    )


class BlindAgreement(Frozen):
    """How far people who answered the same question blind agree."""

    measure: str = Field(description="such as Krippendorff's alpha")
    value: float
    questions: int = Field(ge=1)
    people: int = Field(ge=2)


class Certificate(Frozen):
    """The certificate of one snapshot."""

    snapshot: str = Field(description="content hash of the manifest")
    collection: str
    issued_at: datetime = Field(description="with a time zone")
    detectors: tuple[str, ...] = Field(description="versions whose proposals are in the labels; empty: by hand")
    items: int = Field(ge=0)
    splits: dict[str, int] = Field(default_factory=dict, description="items by split")
    classes: tuple[ClassCertificate, ...]
    people: int = Field(ge=0, description="persons whose answers are in it")
    human_seconds: float | None = Field(default=None, ge=0)
    agreement: BlindAgreement | None = Field(default=None, description="None: not measured")
    remarks: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> "Certificate":
        names = [one.name for one in self.classes]
        if len(set(names)) < len(names):
            raise ValueError(f"a class is there twice: {names}")
        if self.issued_at.tzinfo is None:
            raise ValueError(f"issued_at {self.issued_at} has no time zone; give UTC")
        return self

    @property
    def labels(self) -> int:
        """All labels of all classes."""
        return sum(one.labellers.total for one in self.classes)

    @property
    def accepted_unseen(self) -> int:
        """Labels of all classes that nobody looked at."""
        return sum(one.labellers.accepted_without_look for one in self.classes)

    @property
    def imported(self) -> int:
        """Labels of all classes that came in from elsewhere, and that nobody here has looked at."""
        return sum(one.labellers.imported for one in self.classes)

    @property
    def wrong_at_most(self) -> float | None:
        """The share of labels that were accepted unseen and are wrong, at most, of all labels.

        None where none was accepted unseen, so that nothing was measured, or where a class has labels accepted unseen
        without a bound, or with one from next to no evidence. The wrong boxes of a batch that no judge met are
        all among the unseen ones, so the bound counts over all that it is of. For a stream it is what to expect of
        items like these. Each class's bound has its own confidence: together they have 1 minus the sum of the gaps.
        """
        expected = 0.0
        for one in self.classes:
            unseen = one.labellers.accepted_without_look
            if unseen and (one.error is None or one.error.at_most is None or one.error.draws < FEW):
                return None
            if unseen and one.error and one.error.at_most is not None:
                expected += min(unseen, one.error.at_most * max(unseen, one.error.of or 0))
        return expected / self.labels if self.accepted_unseen else None


FEW = 5
"""Independent draws below which a rate and its bound are words without weight: counts are given instead."""


def to_json(certificate: Certificate) -> str:
    """Return the certificate as JSON, keys in a fixed order; `from_json` reads it."""
    return certificate.model_dump_json(indent=2) + "\n"


def from_json(text: str) -> Certificate:
    """Read a certificate from its JSON.

    Raises:
        pydantic.ValidationError: It is none, or does not add up.
    """
    return Certificate.model_validate_json(text)


def to_markdown(certificate: Certificate) -> str:
    """Return the certificate as a page with tables, for the artifact of a run."""
    return "\n".join(
        [
            f"# Certificate of snapshot `{certificate.snapshot[:12]}`",
            "",
            *_facts(certificate),
            "",
            "## Labels, by whom",
            "",
            *_table(
                ("class", "labels", "accepted unseen", "confirmed", "corrected", "added by people", "imported"),
                [_by_whom(one) for one in certificate.classes],
            ),
            "",
            "## How wrong it may be",
            "",
            *_table(
                ("class", "accepted from score", "error rate of accepted unseen", "false-negative rate"),
                [
                    (
                        one.name,
                        "-" if one.accept_from is None else f"{one.accept_from:.3f}",
                        _said(one),
                        _say(one.misses),
                    )
                    for one in certificate.classes
                ],
            ),
            "",
            *(f"- {remark}" for remark in certificate.remarks),
            *([""] if certificate.remarks else []),
            "Bounds hold at every look and whatever the boxes of an item share; draws were random. "
            "“At most” is the promise, the share before it is what was measured.",
            "",
        ]
    )


def _facts(certificate: Certificate) -> list[str]:
    splits = ", ".join(f"{count} {name}" for name, count in certificate.splits.items())
    hours = "time not measured" if certificate.human_seconds is None else in_words(certificate.human_seconds)
    agreed = certificate.agreement
    agreement = (
        f"{agreed.measure} {agreed.value:.2f} ({agreed.questions} questions, {agreed.people} people)"
        if agreed
        else "not measured"
    )
    return _table(
        ("", ""),
        [
            ("collection", certificate.collection),
            ("issued", certificate.issued_at.isoformat(timespec="seconds")),
            ("items", f"{certificate.items}" + (f" ({splits})" if splits else "")),
            ("labels", f"{certificate.labels} of {len(certificate.classes)} classes"),
            (
                "wrong among all labels, from those accepted unseen",
                _wrong_in_words(certificate),
            ),
            ("people", f"{certificate.people}, {hours}"),
            ("agreement", agreement),
            ("detectors", ", ".join(certificate.detectors) or "none: labelled by hand"),
            ("snapshot", certificate.snapshot),
        ],
    )


def _wrong_in_words(certificate: Certificate) -> str:
    """Say what is known of all labels together; how often people err is nowhere measured by an audit of machines."""
    rest = "people's errors not measured"
    if certificate.imported:
        rest += f"; {certificate.imported} imported labels not checked here"
    if not certificate.accepted_unseen:
        return f"none accepted unseen; {rest}"
    wrong = certificate.wrong_at_most
    if wrong is None:
        return f"not measured, or from too little evidence; {rest}"
    return f"≤ {wrong:.2%}; {rest}"


def _by_whom(one: ClassCertificate) -> tuple[str, ...]:
    who = one.labellers
    counts = (
        who.total,
        who.accepted_without_look,
        who.confirmed_by_people,
        who.corrected_by_people,
        who.added_by_people,
        who.imported,
    )
    return (one.name, *(str(count) for count in counts))


def _plural(bound: Bound) -> str:
    return "" if bound.draws == 1 else "s" if bound.drawn == "items" else "es"


def _said(one: ClassCertificate) -> str:
    return "none accepted unseen" if not one.labellers.accepted_without_look and one.error is None else _say(one.error)


def _say(bound: Bound | None) -> str:
    if bound is None or bound.rate is None:
        return "not measured"
    most = "no bound yet" if bound.at_most is None else f"at most **{bound.at_most:.1%}** at {bound.confidence:.0%}"
    kind = "items" if bound.drawn == "items" else "single boxes"
    if bound.draws < FEW:
        counted = f"{bound.draws} {'picture' if bound.drawn == 'items' else 'box'}{_plural(bound)}"
        return f"too little evidence: {counted} ({bound.wrong} of {bound.judged})"
    return f"{bound.rate:.1%}, {most} ({bound.wrong} of {bound.judged}; {bound.draws} {kind}, {bound.scope})"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = [head, ("---",) * len(head), *rows]
    return ["| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines]


def _plain(cell: str) -> str:
    # a name from outside must not break the table or become markup
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
