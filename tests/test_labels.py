import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import ModelError
from detector.labels import (
    COCO_CLASSES,
    COCO_IDS,
    find_classes,
    normalise_name,
    one_line_names,
    parse_classes,
    short_names,
    tidy_name,
)


def test_cocos_classes(coco_sample):
    assert coco_sample.categories == {id_: name for name, id_ in COCO_IDS.items()}
    assert len(COCO_CLASSES) == 80
    assert (COCO_IDS["person"], COCO_IDS["stop sign"], COCO_IDS["toothbrush"]) == (1, 13, 90)


def test_find_classes_is_forgiving_about_spelling_and_order():
    assert find_classes(["Traffic_Light", " dog ", "person", "dog"], COCO_CLASSES) == [0, 9, 16]


def test_find_classes_names_what_there_is():
    with pytest.raises(ModelError, match="did you mean 'person'"):
        find_classes(["preson"], COCO_CLASSES)
    with pytest.raises(ModelError, match="it has cat, dog"):
        find_classes(["xylophone"], ("cat", "dog"))


SAME = [
    ("caf\u00e9", "cafe\u0301"),
    ("Traffic_Light ", "traffic  light"),
    ("line\nbreak", "line break"),
    ("cat", "\ufeffcat\u200b"),
    ("\u1e9b\u0323", "\u017f\u0323\u0307"),
    ("\u0130x", "i\u0307x"),
]
DIFFERENT = ["C", "c", "C+", "C-", "C\u2212", "-C", "C_", "C#", "A", "a", "a-b", "a b", "ab", "a+b",
             "a/b", "a,b", "e", "é", "è", "1", "-1", "01", "1.0", "1-2", "1 2", "_", "-", "ß", "ss", "😀",
             ]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_name(one, other):
    assert normalise_name(one) == normalise_name(other)
    assert find_classes([one], ("x", other)) == find_classes([other], ("x", one)) == [1]


def test_signs_tell_classes_apart():
    assert len({normalise_name(name) for name in DIFFERENT}) == len(DIFFERENT)
    for label, name in enumerate(DIFFERENT):
        assert find_classes([name], DIFFERENT) == [label]


@given(st.text())
def test_a_tidy_name_is_one_line(name):
    assert len(tidy_name(name).splitlines()) <= 1
    assert tidy_name(tidy_name(name)) == tidy_name(name)
    assert normalise_name(tidy_name(name)) == normalise_name(name)


def test_a_list_has_one_line_a_class():
    names = ["a,b", "line\nbreak", "", " ", "\x85", "\u2028", "x\r"]
    lines = one_line_names(names)
    assert lines == ["a,b", "line break", "class_2", "class_3", "class_4", "class_5", "x"]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=8), min_size=1, max_size=5))
def test_each_class_can_be_named(names):
    classes = one_line_names(names)
    quoted = ['"' + name.replace('"', '""') + '"' for name in classes]
    assert parse_classes(",".join(quoted)) == classes
    assert {classes[label] for label in find_classes(parse_classes(quoted[0]), classes)} <= {
        name for name in classes if normalise_name(name) == normalise_name(classes[0])
    }


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("person, traffic light ,", ["person", "traffic light"]),
        ('"cup, large",person', ["cup, large", "person"]),
        (' "a""b" , 5" pipe', ['a"b', '5" pipe']),
        ('"line\nbreak"', ["line break"]),
        ("", []),
    ],
)
def test_names_separated_by_commas(text, names):
    assert parse_classes(text) == names


def test_a_comma_in_a_name_is_explained():
    with pytest.raises(ModelError, match="if 'cup, large' is meant, put it in double quotes"):
        find_classes(["cup", "large"], ("cat", "cup, large"))


def test_names_that_are_cut_stay_different():
    names = ["a bird that is a robin of the garden", "a bird that is a wren of the garden", "crow"]
    assert short_names(names, 14) == ["…robin of the…", "…wren of the …", "crow"]
    assert short_names(names, 40) == names
    assert short_names(["robin", "a" * 20], 10) == ["robin", "aaaaaaaaa…"]
    assert short_names(["a" * 20 + "b", "a" * 20 + "c"], 10) == ["aaaaaaaaa…"] * 2
    assert short_names(["a bird of all", "a bird of all or so"], 6) == ["…", "…or so"]
