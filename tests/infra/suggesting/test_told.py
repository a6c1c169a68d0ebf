"""What several answers about one item come to, before anybody has settled it."""

from dataclasses import replace

from infra.gateway.ml.told import Voice, what_is_told
from tests.review.builders import NOON


def test_two_people_who_disagree_teach_nothing_until_somebody_decides() -> None:
    def voice(question: str, name: str | None, *, is_slot: bool = True, round_: int = 0) -> Voice:
        return Voice(f"a{question}", 1, question, is_slot, (round_, NOON), name)

    one, other = voice("q~1", "red"), voice("q~2", "green")
    assert what_is_told(None, [one]) == "red"
    assert what_is_told(None, [one, replace(other, teaches="red")]) == "red"
    assert what_is_told(None, [one, other]) is None
    assert what_is_told("blue", [one, other]) is None, "what was settled is doubted"
    assert what_is_told(None, [one, replace(other, teaches=None)]) == "red", "who cannot tell says nothing"
    assert what_is_told(None, [one, other, voice("q", "green", is_slot=False)]) == "green"
    assert what_is_told(None, [voice("q", "red", is_slot=False), voice("r", None, is_slot=False, round_=1)]) is None
    assert what_is_told("blue", []) == "blue"
    assert what_is_told(None, []) is None
