"""Features of frozen layers: the same as the network's own, always the same, and in little room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from detector.architecture import build_architecture, crossing_layers
from detector.boxes import FloatArray
from detector.data.folder import load_labelled_folder
from detector.spec import ModelSpec
from detector.training.config import AugmentationConfig
from detector.training.config_file import load_config
from detector.training.features import (
    FeatureSource,
    Pool,
    Sources,
    choose_pool,
    feature_bytes,
    feature_shapes,
)
from detector.training.samples import Sample, SampleSource
from tests.training.small_run import write_shapes

SPEC = ModelSpec("features", ("cat", "dog", "cup"), input_hw=(96, 128), width_multiplier=0.35)
PLAIN = AugmentationConfig(crop=0, colours=0)
CHANGED = AugmentationConfig(crop=1, colours=1)
FIRST = (
    *("block_6_expand", "block_13_expand", "extra_2_reduce", "block_3_depthwise", "block_5_project"),
    *("Conv_1", "box_head_0", "class_head_0", "box_head_3", "class_head_5"),
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Callable[[AugmentationConfig], SampleSource]:
    folder = load_labelled_folder(write_shapes(tmp_path_factory.mktemp("shapes")))
    spec = replace(SPEC, classes=folder.classes)

    def source(augmentation: AugmentationConfig) -> SampleSource:
        return SampleSource(folder.train, spec, augmentation, iou_threshold=0.5, seed=3, cache_bytes=1 << 30)

    return source


def telling_weights() -> dict[str, FloatArray]:
    """Random weights whose features differ from picture to picture."""
    rng = np.random.default_rng(0)
    weights = {}
    for key, shape in build_architecture(SPEC).weight_shapes.items():
        if key.endswith("/kernel"):
            fan_in = shape[0] * shape[1] * (1 if "depthwise" in key else shape[2])
            weights[key] = rng.normal(0, (2 / fan_in) ** 0.5, shape).astype(np.float32)
        elif key.endswith(("gamma", "moving_variance")):
            weights[key] = rng.uniform(0.8, 1.2, shape).astype(np.float32)
        else:
            weights[key] = rng.normal(0, 0.1, shape).astype(np.float32)
    return weights


def features_of(
    samples: SampleSource, pool: Pool, first: str = "block_13_expand", cache_bytes: int = 1 << 30
) -> FeatureSource:
    source = FeatureSource(samples, SPEC, first, pool, seed=3, cache_bytes=cache_bytes)
    source.freeze(lambda: telling_weights())
    return source


def same(a: Sample, b: Sample) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.inputs, b.inputs, strict=True)) and (
        np.array_equal(a.targets.boxes, b.targets.boxes)
        and np.array_equal(a.targets.classes, b.targets.classes)
        and a.index == b.index
    )


@pytest.mark.parametrize("first", FIRST)
def test_what_crosses_is_all_that_later_layers_read(first: str) -> None:
    architecture = build_architecture(SPEC)
    names = [layer.name for layer in architecture.layers]
    cut, crossing = names.index(first), set(crossing_layers(architecture, first))
    assert crossing
    assert crossing <= set(names[:cut])
    for layer in architecture.layers[cut:]:
        for read in (layer.source, layer.shortcut):
            assert read is None or read in crossing or names.index(read) >= cut
    for head in (*architecture.box_heads, *architecture.class_heads):
        assert head in crossing or names.index(head) >= cut


@pytest.mark.parametrize("first", FIRST)
def test_a_network_on_features_answers_as_the_whole_network(first: str, pictures) -> None:
    tf = pytest.importorskip("tensorflow")
    network = pytest.importorskip("detector.model.network")
    whole = network.build_network(SPEC, frozen_until=first, live_batch_norm=False)
    network.set_weights(whole, SPEC, telling_weights())
    samples = pictures(PLAIN)
    kept = features_of(samples, Pool(2, renewed=False), first)(len(samples.dataset.images))
    assert [values.shape for values in kept.inputs] == list(feature_shapes(SPEC, first))
    assert sum(values.nbytes for values in kept.inputs) == feature_bytes(SPEC, first)
    index = samples.image_index(len(samples.dataset.images))
    image = samples.variant(index, 1).inputs[0][None] * SPEC.pixel_scale + SPEC.pixel_offset
    expected = whole(image.astype(np.float32))
    inputs = [tf.constant(values[None], tf.float32) for values in kept.inputs]
    got = network.split_network(whole, SPEC, first)(inputs if len(inputs) > 1 else inputs[0])
    for name, values in expected.items():
        scale = float(np.abs(values).max())
        assert np.abs(got[name] - values).max() < 5e-3 * scale, name


def test_without_crops_a_picture_is_seen_as_it_is_and_mirrored_and_no_more(pictures) -> None:
    samples = pictures(PLAIN)
    source = features_of(samples, choose_pool(PLAIN, 6, 1000) or Pool(1, renewed=False))
    seen: dict[int, list[Sample]] = {}
    for number in range(8 * len(samples.dataset.images)):
        sample = source(number)
        known = seen.setdefault(sample.index, [])
        if not any(same(sample, each) for each in known):
            known.append(sample)
    assert {len(each) for each in seen.values()} == {2}
    plain, mirrored = samples.variant(0, 0), samples.variant(0, 1)
    assert np.array_equal(plain.inputs[0][:, ::-1], mirrored.inputs[0])


def test_with_crops_new_variants_come_and_no_more_are_kept_than_fit(pictures) -> None:
    samples, pool = pictures(CHANGED), Pool(3, renewed=True)
    source = features_of(samples, pool)
    images = len(samples.dataset.images)
    shown = [source(number).inputs[0].tobytes() for number in range(40 * images)]
    assert source.kept_bytes == pool.size * images * feature_bytes(SPEC, "block_13_expand")
    assert 8 * images <= len(set(shown)) <= 16 * images
    early, late = set(shown[: 10 * images]), set(shown[-10 * images :])
    assert not early & late
    again = [source(number).inputs[0].tobytes() for number in range(9 * images)]  # the run after the trial
    assert again == shown[: 9 * images]
    assert source.kept_bytes == pool.size * images * feature_bytes(SPEC, "block_13_expand")


@pytest.mark.parametrize("augmentation", [PLAIN, CHANGED])
def test_any_sample_is_the_same_wherever_a_run_begins(augmentation: AugmentationConfig, pictures) -> None:
    samples, pool = pictures(augmentation), Pool(2, renewed=augmentation is CHANGED)
    from_the_start = features_of(samples, pool)
    whole = [from_the_start(number) for number in range(80)]
    for begin in (1, 37, 79):
        later = features_of(samples, pool)
        assert all(same(later(number), whole[number]) for number in range(begin, 80))


def test_in_every_round_a_picture_shows_each_kept_variant_once(pictures) -> None:
    source = features_of(pictures(PLAIN), Pool(2, renewed=False))
    for index in range(6):
        for round_ in range(1, 6):
            assert {source._variant(index, epoch) for epoch in (2 * round_, 2 * round_ + 1)} == {0, 1}


@pytest.mark.parametrize(
    ("augmentation", "room", "pool"),
    [
        (PLAIN, 2, Pool(2, renewed=False)),
        (PLAIN, 100, Pool(2, renewed=False)),
        (replace(PLAIN, flip=0), 1, Pool(1, renewed=False)),
        (replace(PLAIN, flip=1), 100, Pool(1, renewed=False)),
        (CHANGED, 3, Pool(3, renewed=True)),
        (CHANGED, 1.5, None),
        (PLAIN, 1.5, None),
        (replace(PLAIN, flip=0), 0.5, None),
        (replace(PLAIN, expand=0.5), 1, None),
    ],
)
def test_a_pool_is_as_large_as_is_of_use_and_fits(
    augmentation: AugmentationConfig, room: float, pool: Pool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector.training.features._MOST_BYTES", int(room * 50_000))
    assert choose_pool(augmentation, 50, 1000) == pool


@pytest.mark.parametrize("first", [None, "Conv1"])
def test_where_nothing_is_frozen_there_are_pictures(first: str | None, pictures) -> None:
    samples = pictures(PLAIN)
    assert Sources(samples, SPEC, load_config()).before(first) is samples
    assert samples.first is None


def test_one_source_of_features_serves_all_who_train_from_a_layer_on(
    pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = pictures(PLAIN)
    sources = Sources(samples, SPEC, replace(load_config(), augmentation=PLAIN))
    little, much = (sources.before(first) for first in ("block_13_expand", "block_6_expand"))
    assert (little.first, much.first) == ("block_13_expand", "block_6_expand")
    for source in (little, much):
        source.freeze(lambda: telling_weights())
    whole = [little(number) for number in range(24)]
    assert much(0).inputs[0].shape != whole[0].inputs[0].shape
    monkeypatch.setattr(SampleSource, "variant", None)  # the pictures are not looked at again
    assert sources.before("block_13_expand") is little
    assert all(same(little(number), sample) for number, sample in enumerate(whole))
    sources.keep_only("block_13_expand")
    assert (much.kept_bytes, little.kept_bytes) == (0, 2 * 6 * feature_bytes(SPEC, "block_13_expand"))
    assert sources.before("block_13_expand") is little
    assert sources.before("block_6_expand") is not much


def test_sources_share_the_room_and_the_last_has_all_of_it(pictures) -> None:
    sizes = {first: feature_bytes(SPEC, first) for first in ("block_13_expand", "block_6_expand")}
    room = 9 * sizes["block_13_expand"] + sizes["block_6_expand"]
    config, samples = load_config(), pictures(PLAIN)
    whole = room + min(room / 3, samples.wanted_bytes)
    config = replace(config, augmentation=PLAIN, runtime=replace(config.runtime, cache_gib=whole / 2**30))
    sources = Sources(samples, SPEC, config)
    little = sources.before("block_13_expand")
    little.freeze(lambda: telling_weights())
    for number in range(9):
        little(number)
    much = sources.before("block_6_expand")
    much.freeze(lambda: telling_weights())
    for number in range(12):
        much(number)
    assert little.kept_bytes + much.kept_bytes <= room
    sources.keep_only("block_6_expand")
    most = min(12, room // sizes["block_6_expand"])
    assert most > 1
    for number in range(12):
        much(number)
    assert much.kept_bytes == most * sizes["block_6_expand"]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.7, 0.9, 1.0])
def test_as_many_variants_are_mirrored_as_samples(share: float, pictures) -> None:
    samples = pictures(replace(PLAIN, flip=share))
    plain = pictures(replace(PLAIN, flip=0)).variant(0, 0).inputs[0]
    mirrored = [not np.array_equal(samples.variant(0, number).inputs[0], plain) for number in range(200)]
    assert abs(np.mean(mirrored) - share) < 0.12


@pytest.mark.parametrize("samples_kept", [0, 1, 5])
def test_samples_are_the_same_whatever_there_is_room_for(samples_kept: int, pictures) -> None:
    samples, pool = pictures(CHANGED), Pool(3, renewed=True)
    size = feature_bytes(SPEC, "block_13_expand")
    much, little = (
        features_of(samples, pool, cache_bytes=cache_bytes)
        for cache_bytes in (1 << 30, samples_kept * size + size // 2)
    )
    assert all(same(much(number), little(number)) for number in range(60))
    assert little.kept_bytes <= samples_kept * size


def test_targets_are_kept_as_they_are(pictures) -> None:
    samples = pictures(CHANGED)
    source = features_of(samples, Pool(2, renewed=True))
    index = samples.image_index(0)
    expected, got = samples.variant(index, 0).targets, source(0).targets
    assert np.array_equal(expected.boxes, got.boxes)
    assert np.array_equal(expected.classes, got.classes)
    assert (got.classes > 0).any()
