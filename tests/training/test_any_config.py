"""Configs of any values come back as they were written, and any text is one or a mistake."""

from dataclasses import fields

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.labels import normalise_name
from detector.training.config import AUTO, ConfigError, ExperimentConfig
from detector.training.config_file import load_config
from tests.training.test_config import DEFAULTS

NAMES = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1
)  # as a spec takes them
VALUES = {
    "model.classes": st.lists(NAMES, min_size=1, max_size=3, unique_by=normalise_name),
    "training.initial_weights": st.text(min_size=1),
    "training.steps": st.integers(0, 10**9) | st.just(AUTO),
    "training.frozen_until": st.sampled_from(["none", "heads", "Conv_1", AUTO]),
    "optimizer.learning_rate": st.floats(0, 100),
    "optimizer.weight_decay": st.floats(0, 1),
    "optimizer.type": st.sampled_from(["sgd", "rmsprop"]),
    "loss.match_iou": st.floats(0.1, 0.95),
    "runtime.gpus": st.integers(0, 64) | st.just(AUTO),
}


@settings(max_examples=50)
@given(st.fixed_dictionaries({}, optional=VALUES))
def test_what_is_written_is_what_is_read(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "round_trip.yaml"
    content = {}
    for key, value in values.items():
        section, name = key.split(".")
        content.setdefault(section, {})[name] = value
    path.write_text(yaml.safe_dump(content or {"model": {}}), encoding="utf-8")
    config = load_config(path)
    for key, value in values.items():
        section, name = key.split(".")
        assert getattr(getattr(config, section), name) == value
    path.write_text(config.to_yaml(), encoding="utf-8")
    assert load_config(path) == config
    assert list(yaml.safe_load(path.read_text())) == [field.name for field in fields(ExperimentConfig)]


_KEYS = st.sampled_from([*DEFAULTS, *(key for values in DEFAULTS.values() for key in values)])
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([AUTO, "coco", "none", 10**400])
)
_JUNK = st.recursive(
    _SCALARS | st.dates() | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_KEYS | st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)
_SECTIONS = st.fixed_dictionaries(
    {},
    optional={
        section: _JUNK | st.fixed_dictionaries({}, optional=dict.fromkeys(values, _SCALARS))
        for section, values in DEFAULTS.items()
    },
)


def outcome_of(load):
    """The config, or the one kind of error that there is; any other is raised."""
    try:
        return load()
    except ConfigError as error:
        return error


@given(_JUNK | _SECTIONS)
def test_junk_is_a_mistake_and_nothing_else(tmp_path_factory, junk):
    path = tmp_path_factory.getbasetemp() / "junk.yaml"
    path.write_text(yaml.safe_dump(junk), encoding="utf-8")
    outcome = outcome_of(lambda: load_config(path))
    assert isinstance(outcome, ExperimentConfig) or str(path) in str(outcome)


@settings(max_examples=50)
@given(st.text(max_size=30) | st.from_regex(r"[a-z]+: ?[{\[]?[^\n]*\n?[^\n]*", fullmatch=True))
def test_any_text_is_a_config_or_a_mistake(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "text.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    for load in (lambda: load_config(path), lambda: load_config(None, [f"training.steps={text}"])):
        assert isinstance(outcome_of(load), ExperimentConfig | ConfigError)
