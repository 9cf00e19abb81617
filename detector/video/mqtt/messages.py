"""What is published: the entities that Home Assistant finds by itself, and their states.

Source: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from detector.version import __version__
from detector.video.frames import LiveFrame

ONLINE, OFFLINE = "online", "offline"
_DISCOVERY = "homeassistant"  # the prefix that Home Assistant listens to unless told otherwise
_MOST_AT_ONCE = 12  # classes that are announced before they are seen; a model of COCO has 80

Messages = dict[str, str]  # payload by topic, all of them retained


def identifier(name: str) -> str:
    """A name of letters, digits and _ alone, as topics and entities have it; empty where nothing is left."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


class Entities:
    """A device with a sensor for each class, for each line and zone, and for all detections.

    Counts are those of the last period, the most of any of its frames: an object that is missed in one frame
    has not gone. A class gets its sensor when it is first seen, or at the start where there are few; a kind
    of a class, where classifiers name them, when it is first seen.

    Args:
        camera: identifies the device among others; an ``identifier``.
        model: shown as the device's.
        classes: that the model knows.

    Attributes:
        topic: that all others but the announcements begin with.
        availability: the topic that says whether the others hold.
    """

    def __init__(self, camera: str, model: str, classes: Sequence[str]) -> None:
        self.topic = f"ssdlite/{camera}"
        self._id = f"ssdlite_{camera}"
        self.availability = f"{self.topic}/availability"
        self._device = {
            "identifiers": [self._id],
            "name": f"ssdlite {camera}",
            "manufacturer": "ssdlite",
            "model": model,
            "sw_version": __version__,
        }
        self._keys = _unique_keys(classes)
        self._configs: Messages = {}
        # Also of classes that have no sensor yet: one of an earlier run may be there, with what it saw last.
        self._states: Messages = {self._class_topic(name): "0" for name in self._keys}
        self._most: Counter[str] = Counter()
        self._kind_keys: dict[tuple[str, str], str] = {}  # by class and kind
        self._most_of_kind: Counter[tuple[str, str]] = Counter()
        self._newest: LiveFrame | None = None
        self._announce("detections", "objects", attributes=f"{self.topic}/detections")
        self._states[f"{self.topic}/objects"] = "0"
        for name in list(self._keys) if len(self._keys) <= _MOST_AT_ONCE else ():
            self._announce_class(name)

    def everything(self) -> Messages:
        """All announcements and states, for a broker that may have forgotten them."""
        return {**self._configs, **self._states}

    def add(self, live: LiveFrame) -> None:
        """Take note of a frame."""
        self._newest = live
        for name, number in Counter(live.detections.names).items():
            self._most[name] = max(self._most[name], number)
        self._most[""] = max(self._most[""], len(live.detections))  # of all classes together
        kinds = zip(live.detections.names, live.detections.kinds or (), strict=False)
        for of, number in Counter((name, kind.name) for name, kind in kinds if kind).items():
            self._most_of_kind[of] = max(self._most_of_kind[of], number)

    def changes(self) -> Messages:
        """What has become of the frames since the last call: what is new alone. A new period begins."""
        if self._newest is None:
            return {}
        before = self.everything()
        for name in self._keys:
            if self._most[name]:
                self._announce_class(name)
            self._states[self._class_topic(name)] = str(self._most[name])
        self._states[f"{self.topic}/objects"] = str(self._most[""])
        self._count_kinds()
        self._count_lines_and_zones(self._newest)
        self._states[f"{self.topic}/detections"] = json.dumps(self._newest.to_dict())
        self._most.clear()
        self._most_of_kind.clear()
        self._newest = None
        return {topic: text for topic, text in self.everything().items() if before.get(topic) != text}

    def _count_kinds(self) -> None:
        for name, kind in self._most_of_kind:
            if (name, kind) not in self._kind_keys and name in self._keys:
                key = identifier(kind)
                taken = {each for (own, _), each in self._kind_keys.items() if own == name}
                key = key if key and key not in taken else f"kind_{len(self._kind_keys)}"
                self._kind_keys[name, kind] = key
                self._announce(f"{name}: {kind}", f"classes/{self._keys[name]}/{key}")
        for (name, kind), key in self._kind_keys.items():
            topic = f"{self.topic}/classes/{self._keys[name]}/{key}"
            self._states[topic] = str(self._most_of_kind[name, kind])

    def _count_lines_and_zones(self, live: LiveFrame) -> None:
        for count in live.counts:
            key = identifier(count.name)
            values = {"in": count.entered, "out": count.left, "inside": count.inside}
            for which, value in values.items():
                if value is None:
                    continue
                kind = "measurement" if which == "inside" else "total_increasing"
                self._announce(f"{count.name} {which}", f"{key}/{which}", state_class=kind)
                self._states[f"{self.topic}/{key}/{which}"] = str(value)

    def _class_topic(self, name: str) -> str:
        return f"{self.topic}/classes/{self._keys[name]}"

    def _announce_class(self, name: str) -> None:
        self._announce(name, f"classes/{self._keys[name]}")

    def _announce(
        self, name: str, topic: str, *, state_class: str = "measurement", attributes: str | None = None
    ) -> None:
        key = topic.replace("/", "_")
        config: dict[str, Any] = {
            "name": name,
            "unique_id": f"{self._id}_{key}",
            "state_topic": f"{self.topic}/{topic}",
            "state_class": state_class,
            "availability_topic": self.availability,
            "device": self._device,
            "origin": {"name": "ssdlite", "sw_version": __version__},
        }
        if attributes is not None:
            config["json_attributes_topic"] = attributes
        self._configs[f"{_DISCOVERY}/sensor/{self._id}/{key}/config"] = json.dumps(config)


def _unique_keys(classes: Sequence[str]) -> dict[str, str]:
    """An identifier for each class name; made of its number where it would be empty or another's."""
    keys: dict[str, str] = {}
    for number, name in enumerate(classes):
        key = identifier(name)
        keys.setdefault(name, key if key and key not in keys.values() else f"class_{number}")
    return keys
