import json

import numpy as np

from detector.classification import NamedScore
from detector.detections import Detections
from detector.video.frames import Count, Frame, LiveFrame
from detector.video.mqtt.messages import Entities, identifier

CLASSES = ("person", "traffic light", "traffic_light", "猫")
MANY = tuple(f"class {number}" for number in range(80))


def live(*labels, classes=CLASSES, counts=(), kinds=None):
    boxes = np.tile(np.array([[1, 2, 30, 40]], np.float32), (len(labels), 1))
    scores = np.full(len(labels), 0.9, np.float32)
    if kinds is not None:
        kinds = tuple(name and NamedScore(name, 0.9) for name in kinds)
    found = Detections(boxes, scores, np.array(labels, np.int64), classes, kinds)
    return LiveFrame(Frame(np.zeros((48, 64, 3), np.uint8), 7, 0.5, 0.0), found, counts=counts)


def configs(messages):
    return {topic: json.loads(text) for topic, text in messages.items() if topic.endswith("/config")}


def test_what_home_assistant_requires_of_an_announcement():
    entities = Entities("door", "my model", CLASSES)
    everything = entities.everything()
    announced = configs(everything)
    assert len(announced) == len(CLASSES) + 1
    assert len({config["unique_id"] for config in announced.values()}) == len(announced)
    for topic, config in announced.items():
        prefix, component, node, object_id, last = topic.split("/")
        assert (prefix, component, node, last) == ("homeassistant", "sensor", "ssdlite_door", "config")
        assert identifier(object_id) == object_id  # letters, digits and _ alone
        assert config["availability_topic"] == entities.availability == "ssdlite/door/availability"
        assert config["device"]["identifiers"] == ["ssdlite_door"]
        assert config["device"]["model"] == "my model"
        assert everything[config["state_topic"]] == "0"
    assert {config["name"] for config in announced.values()} == {*CLASSES, "detections"}


def test_the_most_of_a_period_is_published_and_only_what_has_changed():
    entities = Entities("door", "model", CLASSES)
    for labels in ((0, 0, 1), (0,), ()):
        entities.add(live(*labels))
    changes = entities.changes()
    assert changes["ssdlite/door/classes/person"] == "2"
    assert changes["ssdlite/door/classes/traffic_light"] == "1"
    assert changes["ssdlite/door/objects"] == "3"
    assert json.loads(changes["ssdlite/door/detections"])["detections"] == []  # of the newest frame
    entities.add(live(0, 0))
    assert set(entities.changes()) == {
        "ssdlite/door/classes/traffic_light",
        "ssdlite/door/objects",
        "ssdlite/door/detections",
    }
    entities.add(live())
    assert entities.changes()["ssdlite/door/classes/person"] == "0"
    assert entities.changes() == {}


def test_of_many_classes_those_that_are_seen_are_announced():
    entities = Entities("door", "model", MANY)
    assert len(configs(entities.everything())) == 1
    # A sensor of an earlier run must not go on showing what was seen then.
    assert sum(text == "0" for text in entities.everything().values()) == len(MANY) + 1
    entities.add(live(3, classes=MANY))
    (config,) = configs(entities.changes()).values()
    assert config["name"] == "class 3"
    assert config["state_topic"] == "ssdlite/door/classes/class_3"
    entities.add(live(3, classes=MANY))
    assert not configs(entities.changes())


def test_lines_and_zones():
    entities = Entities("door", "model", CLASSES)
    entities.add(live(counts=(Count("line", 3, 1), Count("zone 2", 4, 2, 2))))
    changes = entities.changes()
    values = {"line/in": "3", "line/out": "1", "zone_2/in": "4", "zone_2/out": "2", "zone_2/inside": "2"}
    assert {key: changes[f"ssdlite/door/{key}"] for key in values} == values
    kinds = {config["name"]: config["state_class"] for config in configs(changes).values()}
    assert kinds == {
        "line in": "total_increasing",
        "line out": "total_increasing",
        "zone 2 in": "total_increasing",
        "zone 2 out": "total_increasing",
        "zone 2 inside": "measurement",
    }


def test_the_detections_are_attributes():
    entities = Entities("door", "model", CLASSES)
    entities.add(live(0))
    told = json.loads(entities.changes()["ssdlite/door/detections"])
    assert told["detections"] == [{"name": "person", "score": 0.9, "box": [1.0, 2.0, 30.0, 40.0]}]
    (config,) = [each for each in configs(entities.everything()).values() if each["name"] == "detections"]
    assert config["json_attributes_topic"] == "ssdlite/door/detections"


def test_kinds_have_sensors_of_their_own_once_they_are_seen():
    entities = Entities("door", "model", CLASSES)
    assert entities.changes() == {}
    entities.add(live(0, 0, 1, kinds=("postman", "postman", None)))
    entities.add(live(0, kinds=("Post-man!",)))
    changes = entities.changes()
    assert changes["ssdlite/door/classes/person/postman"] == "2"
    names = {config["name"]: config["state_topic"] for config in configs(changes).values()}
    assert names["person: postman"] == "ssdlite/door/classes/person/postman"
    assert changes[names["person: Post-man!"]] == "1"
    assert len({config["unique_id"] for config in configs(entities.everything()).values()}) == len(
        configs(entities.everything())
    )
    entities.add(live(0, kinds=(None,)))
    assert entities.changes()["ssdlite/door/classes/person/postman"] == "0"
