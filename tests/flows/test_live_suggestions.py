"""Which lines open their questions with what was learnt from the answer before."""

from typing import Any

import pytest

from flows.options import LineOptions

WHOLE: dict[str, Any] = {"collection": "hues", "classes": ("red", "green"), "label_kind": "classes"}


@pytest.mark.parametrize(
    ("options", "live"),
    [
        ({"detector": "suggest"}, True),
        ({"detector": "suggest:nearest-mean"}, True),
        ({"detector": "suggest", "live_suggestions": False}, False),
        ({"detector": "champion"}, False),
        ({"detector": "champion", "label_kind": "boxes"}, False),
        ({"detector": "champion", "label_kind": "spans"}, True),
        ({"detector": "champion", "label_kind": "spans", "live_suggestions": False}, False),
    ],
)
def test_a_line_that_suggests_does_so_at_every_opening_unless_it_cannot_or_shall_not(
    options: dict[str, Any], *, live: bool
) -> None:
    assert LineOptions(**{**WHOLE, **options}).queues[-1].queue.live is live
