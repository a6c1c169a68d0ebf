"""One proposal of any shape, as the catalogue has it."""

from typing import Any

from blocks.database.tables import Proposal


def proposal_with(id_: str, class_name: str, score: float, columns: dict[str, Any]) -> Proposal:
    """Return a proposal with the columns of a shape."""
    seen = {"detector": "d1", "recipe": "r1", "item_id": "i", "view": "whole"}
    return Proposal.model_validate({"id": id_, "class_name": class_name, "score": score, **seen, **columns})
