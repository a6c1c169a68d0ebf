"""How good the learners must be on real pictures after few labels; measured in full by `make bench-suggest`."""

from pathlib import Path

import pytest

from tests.bench import suggest


def test_learners_reach_their_goals_on_caltech_101(shared_data: Path) -> None:
    path = shared_data / suggest.CALTECH
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    report = suggest.caltech(path)
    for learner, goals in (("ridge-lda", (0.57, 0.80, 0.88)), ("arow", (0.52, 0.77, 0.87))):
        assert all(got >= goal for got, goal in zip(report["caltech"][learner], goals, strict=True)), learner
    for chances in report["caltech_chances"].values():
        assert chances["mean chance"] < chances["right"] + 0.02
        assert chances["right, sure"] > 0.97


def test_the_bench_says_what_it_skips_where_the_data_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["suggest", "--data", str(tmp_path)])
    monkeypatch.setattr(suggest, "latency_ms", dict)
    suggest.main()
    said = capsys.readouterr().out
    assert f"caltech: skipped, {tmp_path / suggest.CALTECH} is not there" in said
    assert "ag_news: skipped" in said
    assert "own_vectors: skipped" in said
    assert (tmp_path / suggest.OUTPUT).is_file()
