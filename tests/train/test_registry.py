from pathlib import Path

import pytest

from blocks.errors import BadOption, BadWeights, ObjectMissing
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.detect.backends.safe_weights import version_of
from tasks.train.registry import (
    CHALLENGER,
    aliased,
    champion_of,
    register,
    registry_name,
    resolve_detector,
    restore_weights,
    set_alias,
    versions_of,
)
from tests.train.conftest import save_weights


def test_the_first_given_weights_become_champion(experiments: Experiments, store: Store, tiny_weights: Path) -> None:
    ref = resolve_detector(experiments, store, "lot", str(tiny_weights))
    assert ref.version == version_of(tiny_weights)
    assert store.has(ref.weights_key)
    assert resolve_detector(experiments, store, "lot", "champion") == ref
    champion = champion_of(experiments, "lot")
    assert champion is not None
    assert (champion.number, champion.tags["classes"]) == ("1", '["red", "blue"]')


def test_the_next_given_weights_are_kept_and_the_champion_stays(
    experiments: Experiments, store: Store, tiny_weights: Path, tmp_path: Path
) -> None:
    first = resolve_detector(experiments, store, "lot", str(tiny_weights))
    second = resolve_detector(experiments, store, "lot", str(save_weights(tmp_path / "b.pt", ("red",))))
    assert second != first
    assert resolve_detector(experiments, store, "lot", "champion") == first
    assert [found.ref for found in versions_of(experiments, "lot")] == [second, first]


def test_giving_the_same_weights_twice_changes_nothing(
    experiments: Experiments, store: Store, tiny_weights: Path
) -> None:
    refs = {resolve_detector(experiments, store, "lot", str(tiny_weights)).version for _ in range(2)}
    assert len(refs) == len(versions_of(experiments, "lot")) == 1
    assert len(experiments.client.search_runs([experiments.experiment_id("lot")])) == 1


def test_a_detector_is_found_by_version_and_by_number(
    experiments: Experiments, store: Store, tiny_weights: Path
) -> None:
    ref = resolve_detector(experiments, store, "lot", str(tiny_weights))
    assert resolve_detector(experiments, store, "lot", ref.version) == ref
    assert resolve_detector(experiments, store, "lot", "1") == ref


def test_collections_have_champions_of_their_own(experiments: Experiments, store: Store, tiny_weights: Path) -> None:
    resolve_detector(experiments, store, "lot", str(tiny_weights))
    assert resolve_detector(experiments, store, "harbour", "champion").is_nobody


@pytest.mark.parametrize("spec", ["0123456789ab", "7", "champ"])
def test_an_unknown_version_is_refused_with_the_known_ones(
    experiments: Experiments, store: Store, tiny_weights: Path, spec: str
) -> None:
    ref = resolve_detector(experiments, store, "lot", str(tiny_weights))
    with pytest.raises(BadOption, match=ref.version):
        resolve_detector(experiments, store, "lot", spec)


def test_missing_and_broken_weights_are_refused_and_nothing_is_kept(
    experiments: Experiments, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "broken.pt").write_bytes(b"broken")
    for name in ("missing.pt", "broken.pt"):
        with pytest.raises(BadWeights):
            resolve_detector(experiments, store, "lot", str(tmp_path / name))
    assert versions_of(experiments, "lot") == []
    assert list(store.keys()) == []


def test_weights_lost_from_the_store_come_back_from_the_run(
    experiments: Experiments, store: Store, tiny_weights: Path
) -> None:
    ref = resolve_detector(experiments, store, "lot", str(tiny_weights))
    store.local_path(ref.weights_key).unlink()
    assert resolve_detector(experiments, store, "lot", "champion") == ref
    assert version_of(store.local_path(ref.weights_key)) == ref.version


def test_weights_that_were_swapped_in_the_run_are_not_restored(
    experiments: Experiments, store: Store, tiny_weights: Path, tmp_path: Path
) -> None:
    ref = resolve_detector(experiments, store, "lot", str(tiny_weights))
    store.local_path(ref.weights_key).unlink()
    (kept,) = (tmp_path / "mlartifacts").rglob(f"{ref.version}.pt")
    kept.write_bytes(b"other")
    champion = champion_of(experiments, "lot")
    assert champion is not None
    with pytest.raises(ObjectMissing, match="keeps other weights"):
        restore_weights(experiments, store, champion)


def test_registering_again_keeps_the_number_and_renews_the_tags(
    experiments: Experiments, store: Store, tiny_weights: Path
) -> None:
    ref = resolve_detector(experiments, store, "lot", str(tiny_weights))
    again = register(experiments, "lot", ref, "whatever", {"map50": "0.5"})
    assert again.number == "1"
    assert versions_of(experiments, "lot")[0].tags["map50"] == "0.5"


def test_an_alias_that_somebody_took_away_is_said_with_the_detectors_that_there_are(
    experiments: Experiments, store: Store, tiny_weights: Path
) -> None:
    ref = resolve_detector(experiments, store, "lot", str(tiny_weights))
    experiments.client.delete_registered_model_alias("lot", "champion")
    with pytest.raises(BadWeights, match=rf"{ref.version}\) and none of them is champion.*Give one of them the alias"):
        resolve_detector(experiments, store, "lot", "champion")


def test_a_detector_that_somebody_deleted_in_mlflow_is_registered_again_from_the_store(
    experiments: Experiments, store: Store, tiny_weights: Path
) -> None:
    ref = resolve_detector(experiments, store, "lot", str(tiny_weights))
    experiments.client.delete_registered_model("lot")
    experiments.client.delete_experiment(experiments.experiment_id("lot"))
    assert resolve_detector(experiments, store, "lot", ref.version) == ref
    assert resolve_detector(experiments, store, "lot", "champion") == ref


def test_an_alias_points_where_it_was_last_set(experiments: Experiments, store: Store, tiny_weights: Path) -> None:
    resolve_detector(experiments, store, "lot", str(tiny_weights))
    assert aliased(experiments, "lot", CHALLENGER) is None
    set_alias(experiments, "lot", CHALLENGER, "1")
    found = aliased(experiments, "lot", CHALLENGER)
    assert found is not None
    assert found.number == "1"


def test_names_are_safe_for_mlflow_and_never_collide() -> None:
    names = ["lot", "parking lot/1", "parking lot:1", "Ünïcode", "", "..", "a" * 300, "it's", "a'; DROP"]
    safe = [registry_name(name) for name in names]
    assert len(set(safe)) == len(names)
    assert safe[0] == "lot"
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") for name in safe)
    assert all(0 < len(name) < 100 for name in safe)


def test_a_safe_name_is_left_as_it_is_when_named_again() -> None:
    assert registry_name(registry_name("parking lot/1")) == registry_name("parking lot/1")
