import pytest

from detector.errors import DetectorError
from detector.video.mqtt.broker import read_broker

SECRET = "s3cret"
ENVIRONMENT = {"SSDLITE_MQTT_USER": "home", "SSDLITE_MQTT_PASSWORD": SECRET}


@pytest.mark.parametrize(
    ("text", "host", "port", "tls", "camera"),
    [
        ("mqtt://broker", "broker", 1883, False, None),
        ("mqtts://broker/", "broker", 8883, True, None),
        ("MQTT://192.168.1.5:1884/front_door", "192.168.1.5", 1884, False, "front_door"),
        ("mqtt://[::1]:1", "::1", 1, False, None),
    ],
)
def test_where_the_broker_is(text, host, port, tls, camera):
    broker = read_broker(text, {})
    assert (broker.host, broker.port, broker.tls, broker.camera) == (host, port, tls, camera)
    assert (broker.user, broker.password) == (None, None)


@pytest.mark.parametrize(
    ("text", "environment", "user", "password"),
    [
        (f"mqtt://me:{SECRET}@broker", {}, "me", SECRET),
        ("mqtt://me:p%40ss%2Fw@broker", {}, "me", "p@ss/w"),
        ("mqtt://me:p%40ss%2Fw@broker", ENVIRONMENT, "me", "p@ss/w"),
        ("mqtt://broker", ENVIRONMENT, "home", SECRET),
        ("mqtt://me@broker", ENVIRONMENT, "me", SECRET),
        ("mqtt://me@broker", {}, "me", None),
        ("mqtt://broker", {"SSDLITE_MQTT_USER": "", "SSDLITE_MQTT_PASSWORD": ""}, None, None),
    ],
)
def test_who_we_are_there(text, environment, user, password):
    broker = read_broker(text, environment)
    assert (broker.user, broker.password) == (user, password)
    for shown in (str(broker), repr(broker)):
        assert SECRET not in shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("broker", "neither mqtt:// nor mqtts://"),
        ("http://broker", "neither mqtt:// nor mqtts://"),
        ("", "neither"),
        ("mqtt://", "no host"),
        ("mqtt://:1883", "no host"),
        ("mqtt://broker:0", "no host"),
        ("mqtt://broker:port", "cannot be understood"),
        ("mqtt://broker:99999", "cannot be understood"),
        ("mqtt://[::1", "cannot be understood"),
        (f"mqtt://me:{SECRET}#1@broker", "%23"),
        (f"mqtt://me:{SECRET}/1@broker", "cannot be understood"),
        (f"mqtt://me:{SECRET}@broker/a/b", "letters, digits"),
        (f"mqtt://me:{SECRET}@broker/a+b", "letters, digits"),
        (f"mqtt://me:{SECRET}@broker/a?b", "cannot be understood"),
    ],
)
def test_what_is_no_address(text, said):
    with pytest.raises(DetectorError) as caught:
        read_broker(text, {})
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_password_without_a_user():
    with pytest.raises(DetectorError, match="SSDLITE_MQTT_USER is not") as caught:
        read_broker("mqtt://broker", {"SSDLITE_MQTT_PASSWORD": SECRET})
    assert SECRET not in str(caught.value)
