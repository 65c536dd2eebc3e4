"""A session with something that is not, or no longer, an MQTT broker."""

from expect import raises, raises_async

from fluxrig.errors import LocalError, TransientError
from tests.ports.mqtt_suite import LIMIT_MS, session
from tests.ports.peer import ask, open_port
from tests.ports.subject import new_host, until


async def test_a_peer_that_does_not_answer():
    for behaviour in ("is_silent", "never_accepts"):
        port = open_port(behaviour)
        mqtt = session(new_host(), port)
        error = await raises_async(TransientError, mqtt.connect(100))
        assert error.port == port
        assert not mqtt.connected


async def test_a_peer_that_speaks_another_protocol():
    mqtt = session(new_host(), open_port("echoes"))
    error = await raises_async(LocalError, mqtt.connect(LIMIT_MS))
    assert "does not speak MQTT" in str(error)
    assert not mqtt.connected


async def test_a_peer_that_hangs_up():
    for behaviour in ("breaks_off", "resets"):
        mqtt = session(new_host(), open_port(behaviour))
        await raises_async((TransientError, LocalError), mqtt.connect(LIMIT_MS))
        assert not mqtt.connected


async def test_a_broker_that_is_busy_may_be_asked_again():
    mqtt = session(new_host(), open_port("is_busy"))
    error = await raises_async(TransientError, mqtt.connect(LIMIT_MS))
    assert "unavailable" in str(error)


async def test_a_broker_that_falls_silent_is_noticed_by_its_missing_pongs():
    host = new_host()
    port = open_port("says_yes_and_no_more")
    mqtt = session(host, port, keepalive_s=1)
    await mqtt.connect(LIMIT_MS)
    assert mqtt.connected
    await until(lambda: not mqtt.connected, host.clock, 6000)
    assert ask("pings", port) >= 1


async def test_rubbish_from_a_broker_ends_the_session():
    host = new_host()
    mqtt = session(host, open_port("says_yes_and_rubbish"))
    await mqtt.connect(LIMIT_MS)
    await until(lambda: not mqtt.connected, host.clock)
    await raises_async(TransientError, mqtt.publish("plant/a", b"1", True, LIMIT_MS))
    await mqtt.close()


async def test_topics_that_cannot_be_published_to():
    mqtt = session(new_host(), open_port("says_yes_and_no_more"))
    await mqtt.connect(LIMIT_MS)
    for topic in ("", "plant/#", "plant/+/a"):
        error = await raises_async(LocalError, mqtt.publish(topic, b"1", True, LIMIT_MS))
        assert error.topic == topic
    assert mqtt.connected
    await mqtt.close()


def test_options_that_no_broker_takes_are_refused_before_connecting():
    host = new_host()
    for keepalive_s in (0, 65_536):
        assert "keepalive" in str(raises(LocalError, session, host, 1883, keepalive_s=keepalive_s))
