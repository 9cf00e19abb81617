"""Label maps of the TensorFlow Object Detection API (``label_map.pbtxt``): names of classes by id."""

from __future__ import annotations

from detector.labels import tidy_name
from detector.system.protobuf_text import parse_text_message

LabelMap = dict[int, str]


def parse_label_map(text: str) -> LabelMap:
    """The name of each item by its id; ``display_name`` comes before ``name``, which may be a key.

    Raises:
        ValueError: no such text, an item without an id or a name, or two of one id.
    """
    names: LabelMap = {}
    for item in parse_text_message(text).get("item", []):
        if not isinstance(item, dict) or not item.get("id"):
            raise ValueError("an item without an id")
        id_ = int(str(item["id"][-1]))
        name = next((each for key in ("display_name", "name") for each in item.get(key, [])), "")
        if not isinstance(name, str) or not tidy_name(name):
            raise ValueError(f"the item with the id {id_} has no name")
        if id_ in names:
            raise ValueError(f"the id {id_} is there twice")
        names[id_] = tidy_name(name)
    return names
