"""The losses against values by hand and against another implementation in plain numpy."""

from types import SimpleNamespace

import numpy as np
import pytest

from detector.box_coder import decode
from detector.boxes import intersection_over_union

tf = pytest.importorskip("tensorflow")
losses = pytest.importorskip("detector.training.losses")

B, A, K = 3, 40, 4
BOTH = pytest.mark.parametrize("class_loss", ["hard_negatives", "varifocal"])


def cross_entropy(logit, label):
    return np.maximum(logit, 0) - logit * label + np.log1p(np.exp(-np.abs(logit)))


def class_loss_of_anchor(logits, target):
    """Sum over columns; an ignored anchor has no column."""
    return sum(cross_entropy(logit, float(column == target)) for column, logit in enumerate(logits))


def smooth_l1(error):
    error = abs(error)
    return error * error / 2 if error < 1 else error - 0.5


def expected_sums(batch, ratio=3.0, least=3):
    """Image by image and anchor by anchor, as the paper tells it."""
    classification = localization = 0.0
    for encodings, logits, boxes, classes in zip(
        batch.encodings.astype(float), batch.logits.astype(float), batch.boxes, batch.classes, strict=True
    ):
        matched = [a for a, target in enumerate(classes) if target > 0]
        background = sorted(
            (class_loss_of_anchor(logits[a], 0) for a, target in enumerate(classes) if target == 0),
            reverse=True,
        )
        hard = background[: max(int(ratio * len(matched)), least)]
        classification += sum(class_loss_of_anchor(logits[a], classes[a]) for a in matched) + sum(hard)
        localization += sum(smooth_l1(encodings[a, i] - boxes[a, i]) for a in matched for i in range(4))
    return classification, localization


def random_batch(seed=0, positives=(0, 2, 9), ignored=5):
    rng = np.random.default_rng(seed)
    classes = np.zeros((B, A), np.int32)
    for row, count in zip(classes, positives, strict=True):
        chosen = rng.permutation(A)
        row[chosen[:count]] = rng.integers(1, K + 1, count)
        row[chosen[count : count + ignored]] = -1
    boxes = np.where(classes[..., None] > 0, rng.normal(0, 2, (B, A, 4)), 0)
    return SimpleNamespace(
        encodings=rng.normal(0, 2, (B, A, 4)).astype(np.float32),
        logits=rng.normal(0, 3, (B, A, K + 1)).astype(np.float32),
        boxes=boxes.astype(np.float32),
        classes=classes,
    )


def sums_of(batch, class_loss="hard_negatives", **options):
    found = losses.sum_losses(
        batch.encodings, batch.logits, batch.boxes, batch.classes, class_loss=class_loss, **options
    )
    return float(found.classification), float(found.localization)


def gradients_of(batch, class_loss="hard_negatives", **options):
    """Gradients of each loss with regard to encodings and logits."""
    encodings, logits = tf.constant(batch.encodings), tf.constant(batch.logits)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([encodings, logits])
        found = losses.sum_losses(
            encodings, logits, batch.boxes, batch.classes, class_loss=class_loss, **options
        )
    zero = tf.UnconnectedGradients.ZERO
    return {
        (loss, name): tape.gradient(getattr(found, loss), source, unconnected_gradients=zero).numpy()
        for loss in ("classification", "localization")
        for name, source in (("encodings", encodings), ("logits", logits))
    }


def one_image(logits, classes, encodings=None, boxes=None):
    logits, classes = np.array([logits], np.float32), np.array([classes], np.int32)
    zeros = np.zeros((*classes.shape, 4), np.float32)
    return SimpleNamespace(
        logits=logits,
        classes=classes,
        encodings=zeros if encodings is None else np.array([encodings], np.float32),
        boxes=zeros if boxes is None else np.array([boxes], np.float32),
    )


def test_by_hand():
    # One positive of class 1, three on background, one ignored; background and two classes.
    # Sigmoid cross-entropy of logit x: ln(1 + e^-x) for label 1, ln(1 + e^x) for label 0.
    # positive: logits (0, 0, 0) -> 3 ln 2
    # background: (0, 0, 0) -> 3 ln 2; (ln 3, -ln 3, -ln 3) -> ln(4/3) * 3; and the second again
    third = np.log(3)
    sure = [third, -third, -third]
    batch = one_image(
        [[0, 0, 0], [0, 0, 0], sure, sure, [9, 9, 9]],
        [1, 0, 0, 0, -1],
        encodings=[[0.5, 3, -2, 0], *[[7, 7, 7, 7]] * 4],
        boxes=[[0, 1, 0, 0], *[[0, 0, 0, 0]] * 4],
    )
    classification, localization = sums_of(batch)
    assert classification == pytest.approx(6 * np.log(2) + 6 * np.log(4 / 3), rel=1e-5)
    # Errors .5, 2, 2 and 0: .125 + 1.5 + 1.5
    assert localization == pytest.approx(3.125, rel=1e-6)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("ratio", "least"), [(3.0, 3), (1.0, 0), (2.5, 1), (0.5, 7), (100.0, 3), (3.0, 1000)]
)
def test_against_plain_numpy(seed, ratio, least):
    batch = random_batch(seed, positives=(1, 2, 9))
    found = sums_of(batch, negatives_per_positive=ratio, min_negatives=least)
    np.testing.assert_allclose(found, expected_sums(batch, ratio, least), rtol=1e-5)


@pytest.mark.parametrize("positives", [(0, 0, 0), (0, 2, 9), (40, 35, 0)], ids=["none", "some", "all"])
def test_images_without_objects_and_without_background(positives):
    batch = random_batch(1, positives, ignored=0)
    np.testing.assert_allclose(sums_of(batch), expected_sums(batch), rtol=1e-5)


def test_no_negatives_are_taken_where_none_are_wanted():
    batch = random_batch(2, positives=(0, 2, 9))
    found = sums_of(batch, negatives_per_positive=0.0, min_negatives=0)
    np.testing.assert_allclose(found, expected_sums(batch, 0.0, 0), rtol=1e-5)


def active_anchors(batch, **options):
    """Per image, how many background anchors have a gradient."""
    gradient = gradients_of(batch, **options)["classification", "logits"]
    return ((gradient != 0).any(axis=2) & (batch.classes == 0)).sum(axis=1).tolist()


def test_three_hard_negatives_for_each_positive_and_three_at_least():
    batch = random_batch(3, positives=(0, 1, 9))
    assert active_anchors(batch) == [3, 3, 26]  # 40 anchors - 9 positives - 5 ignored = 26 < 3 * 9
    batch = random_batch(3, positives=(0, 2, 7))
    assert active_anchors(batch) == [3, 6, 21]
    assert active_anchors(batch, negatives_per_positive=1.0) == [3, 3, 7]
    assert active_anchors(batch, min_negatives=10) == [10, 10, 21]


@BOTH
def test_what_an_image_loses_does_not_depend_on_the_rest_of_the_batch(class_loss):
    batch = random_batch(4)
    alone = [
        sums_of(
            SimpleNamespace(**{name: values[i : i + 1] for name, values in vars(batch).items()}), class_loss
        )
        for i in range(B)
    ]
    np.testing.assert_allclose(np.sum(alone, axis=0), sums_of(batch, class_loss), rtol=1e-5)


def test_equal_losses_are_not_all_taken():
    """Over a plain ground all anchors of a shape have the same logits; still only three are wanted."""
    batch = one_image(np.full((A, K + 1), -1.0), np.zeros(A))
    assert active_anchors(batch) == [3]


@BOTH
def test_ignored_anchors_do_not_matter(class_loss):
    batch = random_batch(5)
    before, ignored = sums_of(batch, class_loss), batch.classes == -1
    assert ignored.sum() == 15
    assert all(not values[ignored].any() for values in gradients_of(batch, class_loss).values())
    batch.logits[ignored] = 50
    batch.encodings[ignored] = -50
    batch.boxes[ignored] = 7
    assert sums_of(batch, class_loss) == before


def test_gradients_are_only_where_they_belong():
    batch = random_batch(6)
    gradients = gradients_of(batch)
    assert not gradients["classification", "encodings"].any()
    assert not gradients["localization", "logits"].any()
    positive = batch.classes > 0
    assert gradients["localization", "encodings"][positive].all()
    assert not gradients["localization", "encodings"][~positive].any()
    assert gradients["classification", "logits"][positive].all()
    # Smooth L1 pulls with 1 at most; cross-entropy with sigmoid - label.
    assert np.abs(gradients["localization", "encodings"]).max() <= 1
    labels = np.eye(K + 1)[batch.classes[positive]]
    sigmoid = 1 / (1 + np.exp(-batch.logits[positive].astype(float)))
    np.testing.assert_allclose(gradients["classification", "logits"][positive], sigmoid - labels, atol=1e-5)


def test_every_argument_matters():
    values = vars(random_batch(7))
    before = np.array(sums_of(SimpleNamespace(**values)))
    rolled = {name: np.roll(array, 1, axis=1) for name, array in values.items()}
    for name, sums_that_change in {
        "encodings": [False, True],
        "logits": [True, False],
        "boxes": [False, True],
        "classes": [True, True],
    }.items():
        after = np.array(sums_of(SimpleNamespace(**{**values, name: rolled[name]})))
        assert (after != before).tolist() == sums_that_change
    batch = SimpleNamespace(**values)
    assert sums_of(batch, negatives_per_positive=1.0)[0] < before[0] < sums_of(batch, min_negatives=30)[0]


@BOTH
def test_extreme_logits_have_finite_losses_and_gradients(class_loss):
    batch = random_batch(8)
    batch.logits *= 1e4
    batch.encodings *= 1e4
    assert all(np.isfinite(values).all() for values in gradients_of(batch, class_loss).values())
    if class_loss == "hard_negatives":
        np.testing.assert_allclose(sums_of(batch), expected_sums(batch), rtol=1e-4)
    assert np.isfinite(sums_of(batch, class_loss)).all()


@BOTH
@pytest.mark.parametrize("xla", [False, True])
def test_compiled_it_gives_the_same(xla, class_loss):
    batch = random_batch(9)

    @tf.function(jit_compile=xla)
    def compiled(*arrays):
        found = losses.sum_losses(*arrays, class_loss=class_loss)
        return found.classification, found.localization

    found = compiled(*map(tf.constant, (batch.encodings, batch.logits, batch.boxes, batch.classes)))
    np.testing.assert_allclose([float(value) for value in found], sums_of(batch, class_loss), rtol=1e-5)


def varifocal(batch, scales, columns=(1,) * (K + 1)):
    """Anchor by anchor, as the paper tells it, with the project's factor; boxes on anchors anywhere."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 0.5, (A, 2))
    anchors = np.hstack([corners, corners + rng.uniform(0.1, 0.5, (A, 2))]).astype(np.float32)
    total = 0.0
    for encodings, logits, boxes, classes in zip(
        batch.encodings, batch.logits.astype(float), batch.boxes, batch.classes, strict=True
    ):
        predicted, truth = (decode(each, anchors, scales=scales) for each in (encodings, boxes))
        for anchor in np.flatnonzero(classes >= 0):
            iou = intersection_over_union(predicted[anchor, None], truth[anchor, None])[0, 0]
            for column in range(1, K + 1):
                own = classes[anchor] == column
                wanted = float(iou) if own else 0.0
                score = 1 / (1 + np.exp(-logits[anchor, column]))
                if columns[column] or own:
                    weight = wanted if own else 0.75 * score**2
                    total += 3 * weight * cross_entropy(logits[anchor, column], wanted)
    return total


@pytest.mark.parametrize("scales", [(10.0, 10.0, 5.0, 5.0), (2.0, 4.0, 6.0, 8.0)])
@pytest.mark.parametrize("positives", [(0, 0, 0), (0, 2, 9), (40, 35, 0)], ids=["none", "some", "all"])
def test_varifocal_loss_against_plain_numpy(positives, scales):
    batch = random_batch(10, positives, ignored=0)
    columns = [0.0, 1.0, 0.0, 1.0, 0.0]
    for options in ({}, {"columns": columns}):
        found = sums_of(batch, "varifocal", scales=scales, **options)[0]
        assert found == pytest.approx(varifocal(batch, scales, **options), rel=1e-4)


def test_varifocal_loss_by_hand():
    # Scores of 1/2. The box fits to a half: 3 * .5 ln 2. Nothing is wanted of the other class, and of the
    # anchor on background: 3 * .75 * .25 ln 2 for each of three. Background's column and ignored anchors: 0.
    tall = [0, 0, 5 * np.log(2), 0]
    zeros = [0, 0, 0, 0]
    batch = one_image(np.zeros((3, 3)), [1, 0, -1], encodings=[tall, tall, tall], boxes=[zeros] * 3)
    assert sums_of(batch, "varifocal")[0] == pytest.approx((1.5 + 3 * 0.5625) * np.log(2), rel=1e-5)


def test_a_box_is_not_moved_to_please_its_score():
    batch = random_batch(6)
    gradients = gradients_of(batch, "varifocal")
    assert not gradients["classification", "encodings"].any()
    assert not gradients["classification", "logits"][..., 0].any()
    wanted = (batch.classes[..., None] >= 0) & (batch.classes[..., None] != np.arange(K + 1))
    assert gradients["classification", "logits"][wanted & (np.arange(K + 1) > 0)].all()


def test_columns_that_are_left_out_have_only_the_targets_of_positives():
    batch = random_batch()
    columns = [0.0, 1.0, 0.0, 1.0, 0.0]
    found = losses.sum_losses(
        batch.encodings,
        batch.logits,
        batch.boxes,
        batch.classes,
        class_loss="hard_negatives",
        columns=columns,
        negatives_per_positive=1e6,
    )
    expected = sum(
        cross_entropy(float(logits[column]), float(column == target))
        for image, targets in zip(batch.logits, batch.classes, strict=True)
        for logits, target in zip(image, targets, strict=True)
        for column in range(K + 1)
        if columns[column] or column == target > 0
        if target > 0 or (target == 0 and (targets > 0).any())
    )
    # An image without positives has three negatives and no more.
    hard = sorted(
        sum(cross_entropy(float(logits[column]), 0.0) for column in (1, 3))
        for image, targets in zip(batch.logits, batch.classes, strict=True)
        if not (targets > 0).any()
        for logits, target in zip(image, targets, strict=True)
        if target == 0
    )
    np.testing.assert_allclose(found.classification, expected + sum(hard[-3:]), rtol=1e-5)


def test_kept_classes_are_held_by_logits_and_boxes_where_no_label_tells_more():
    batch, rng = random_batch(1), np.random.default_rng(2)
    kept = [4, 2]
    encodings = rng.normal(0, 2, (B, A, 4)).astype(np.float32)
    logits = rng.normal(0, 3, (B, A, 3)).astype(np.float32)
    found = losses.sum_kept((batch.encodings, batch.logits), (encodings, logits), batch.classes, kept)
    classification = localization = seen = 0.0
    for image in range(B):
        for anchor in range(A):
            target = batch.classes[image, anchor]
            for place, column in enumerate(kept, start=1):
                if target != column:
                    error = batch.logits[image, anchor, column] - logits[image, anchor, place]
                    classification += 0.5 * float(error) ** 2 / A
            if target <= 0:
                errors = batch.encodings[image, anchor] - encodings[image, anchor]
                moved = sum(smooth_l1(float(error)) for error in errors)
                localization += moved / A
                seen += moved / (1 + np.exp(-float(logits[image, anchor, 1:].max())))
    np.testing.assert_allclose(found.classification, classification, rtol=1e-4)
    np.testing.assert_allclose(found.localization, localization, rtol=1e-4)
    np.testing.assert_allclose(found.seen, seen, rtol=1e-4)


def test_a_network_that_is_its_teacher_forgets_nothing():
    batch = random_batch(3)
    theirs = batch.logits[..., [0, 3, 1]]
    found = losses.sum_kept((batch.encodings, batch.logits), (batch.encodings, theirs), batch.classes, [3, 1])
    assert float(found.classification) == float(found.localization) == float(found.seen) == 0
