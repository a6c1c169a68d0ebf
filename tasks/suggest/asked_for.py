"""How a person asks for suggestions where a detector is asked for."""

from blocks.errors import BadOption

SUGGEST = "suggest"
"""What a person calls it, who wants the collection's labels to propose; `suggest:NAME` names the learner."""


def learner_of(spec: str) -> str | None:
    """Return the name of the learner that is meant; None: the detector that is asked for is none.

    Raises:
        BadOption: There is no such learner.
    """
    name, _, learner = spec.partition(":")
    if name != SUGGEST:
        return None
    from tasks.suggest.learners.registry import DEFAULT, learner_named

    learner_named(learner or DEFAULT)
    return learner or DEFAULT


def check_suggested(spec: str, kind: str) -> None:
    """Refuse suggestions for labels that have a place in their item: only whole items have vectors.

    Raises:
        BadOption: It is so, or there is no such learner.
    """
    if learner_of(spec) and kind != "classes":
        raise BadOption(f"`{spec}` suggests classes of whole items, and not {kind}: name weights, or leave it away")
