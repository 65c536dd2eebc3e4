"""What a session promises (`fluxrig.host.Mqtt`), against a real broker of either kind.

Each function is one test; test_host_mqtt_amqtt.py and test_host_mqtt_mosquitto.py name the broker.
"""

import asyncio

from expect import raises_async

from fluxrig.errors import LocalError, TransientError
from tests.ports.peer import HERE, ask
from tests.ports.subject import new_host, until

LIMIT_MS = 10_000
STATUS = "plant/status"


WILL = (STATUS, b"offline")


def session(host, port, client_id="rack-1", user=None, password=None, keepalive_s=30, will=WILL):
    return host.mqtt(
        {
            "address": HERE,
            "port": port,
            "client_id": client_id,
            "keepalive_s": keepalive_s,
            "user": user,
            "password": password,
            "will": will,
        }
    )


def retains(port, topics, expected):
    """Whether that is what the broker holds under the filter `topics`."""
    found = ask("retained", port, topics, expected)
    assert found == expected, f"{topics}: {found}"
    return True


async def opened(port, **options):
    """A host and a connected session at `port`."""
    host = new_host()
    mqtt = session(host, port, **options)
    assert not mqtt.connected
    await mqtt.connect(LIMIT_MS)
    assert mqtt.connected
    return host, mqtt


async def retained_messages_stay_and_others_do_not(kind):
    port = ask("broker", kind)
    _, mqtt = await opened(port)
    await mqtt.publish("plant/a", b"1", True, LIMIT_MS)
    await mqtt.publish("plant/b", b"2", False, LIMIT_MS)
    await mqtt.publish("plant/c", b"3", True, LIMIT_MS)
    await mqtt.publish("plant/c", b"4", True, LIMIT_MS)
    assert retains(port, "plant/#", {"plant/a": "1", "plant/c": "4"})
    await mqtt.close()
    assert not mqtt.connected


async def payloads_of_every_length_field_arrive(kind):
    """The remaining length takes one, two and three bytes (MQTT 3.1.1 section 2.2.3)."""
    port = ask("broker", kind)
    _, mqtt = await opened(port)
    for size in (0, 1, 113, 114, 127, 128, 5000, 17_000):
        topic = f"plant/{size}"
        await mqtt.publish(topic, b"x" * size, True, LIMIT_MS)
        if size:  # an empty payload clears what is retained
            assert retains(port, topic, {topic: "x" * size})
    await mqtt.close()


async def many_publishes_can_be_under_way(kind):
    port = ask("broker", kind)
    _, mqtt = await opened(port)
    for start in range(0, 60, 12):
        tasks = [
            asyncio.create_task(mqtt.publish(f"plant/{number}", b"%d" % number, True, LIMIT_MS))
            for number in range(start, start + 12)
        ]
        for task in tasks:
            await task
    assert retains(port, "plant/#", {f"plant/{number}": str(number) for number in range(60)})
    await mqtt.close()


async def a_session_that_vanishes_leaves_its_will(kind):
    port = ask("broker", kind)
    gate = ask("gate", port)
    host, mqtt = await opened(gate)
    await mqtt.publish(STATUS, b"online", True, LIMIT_MS)
    assert retains(port, STATUS, {STATUS: "online"})
    ask("cut", gate)
    await until(lambda: not mqtt.connected, host.clock)
    assert retains(port, STATUS, {STATUS: "offline"})


async def a_session_without_a_will_leaves_nothing(kind):
    port = ask("broker", kind)
    gate = ask("gate", port)
    host, mqtt = await opened(gate, will=None)
    ask("cut", gate)
    await until(lambda: not mqtt.connected, host.clock)
    await mqtt.connect(LIMIT_MS)
    await mqtt.publish("plant/end", b"1", True, LIMIT_MS)
    assert retains(port, "plant/#", {"plant/end": "1"})
    await mqtt.close()


async def a_session_that_says_goodbye_leaves_no_will(kind):
    port = ask("broker", kind)
    _, mqtt = await opened(port)
    await mqtt.publish(STATUS, b"online", True, LIMIT_MS)
    await mqtt.close()
    await mqtt.close()
    # The broker is done with the old session once it has accepted a new one for the same client, and served it.
    await mqtt.connect(LIMIT_MS)
    await mqtt.publish("plant/end", b"1", True, LIMIT_MS)
    assert retains(port, "plant/#", {STATUS: "online", "plant/end": "1"})
    await mqtt.close()


async def a_broker_that_is_not_there_yet(kind):
    port = ask("broker", kind)
    ask("kill", port)
    mqtt = session(new_host(), port)
    error = await raises_async(TransientError, mqtt.connect(LIMIT_MS))
    assert (error.address, error.port) == (HERE, port)
    assert not mqtt.connected
    await raises_async(TransientError, mqtt.publish("plant/a", b"1", True, LIMIT_MS))
    await mqtt.close()
    ask("broker", kind, port)
    await mqtt.connect(LIMIT_MS)
    await mqtt.publish("plant/a", b"1", True, LIMIT_MS)
    assert retains(port, "plant/#", {"plant/a": "1"})
    await mqtt.close()


async def a_broker_that_is_killed_and_comes_back(kind):
    port = ask("broker", kind)
    host, mqtt = await opened(port)
    await mqtt.publish("plant/a", b"1", True, LIMIT_MS)
    ask("kill", port)
    await until(lambda: not mqtt.connected, host.clock)
    await raises_async(TransientError, mqtt.publish("plant/a", b"2", True, LIMIT_MS))
    await raises_async(TransientError, mqtt.connect(LIMIT_MS))
    ask("broker", kind, port)
    await mqtt.connect(LIMIT_MS)
    await mqtt.publish("plant/a", b"3", True, LIMIT_MS)
    assert retains(port, "plant/#", {"plant/a": "3"})
    await mqtt.close()


async def a_publish_under_way_fails_when_the_link_is_cut(kind):
    gate = ask("gate", ask("broker", kind))
    host, mqtt = await opened(gate)
    ask("freeze", gate)
    publishing = asyncio.create_task(mqtt.publish("plant/a", b"1", True, 60_000))
    await host.clock.sleep_ms(10)
    ask("cut", gate)
    await raises_async(TransientError, host.clock.wait_for(finished(publishing), LIMIT_MS))
    assert not mqtt.connected


async def finished(task):
    return await task


async def a_link_that_swallows_messages_is_given_up(kind):
    port = ask("broker", kind)
    gate = ask("gate", port)
    _, mqtt = await opened(gate)
    ask("freeze", gate)
    error = await raises_async(TransientError, mqtt.publish("plant/a", b"1", True, 200))
    assert error.timeout_ms == 200
    assert not mqtt.connected
    await raises_async(TransientError, mqtt.connect(200))
    direct = session(new_host(), port)
    await direct.connect(LIMIT_MS)
    await direct.publish("plant/a", b"2", True, LIMIT_MS)
    await direct.close()


async def messages_without_an_acknowledgement_are_bounded(kind):
    gate = ask("gate", ask("broker", kind))
    host, mqtt = await opened(gate)
    ask("freeze", gate)
    waiting = [
        asyncio.create_task(outcome(mqtt.publish(f"plant/{number}", b"", True, 60_000))) for number in range(mqtt.LIMIT)
    ]
    await host.clock.sleep_ms(10)
    error = await raises_async(TransientError, mqtt.publish("plant/more", b"", True, 60_000))
    assert str(mqtt.LIMIT) in str(error)
    assert mqtt.connected
    await mqtt.close()
    for task in waiting:
        assert isinstance(await host.clock.wait_for(finished(task), LIMIT_MS), TransientError)


async def outcome(work):
    """What awaiting `work` raised, or None."""
    try:
        await work
    except TransientError as exc:
        return exc


async def bad_credentials_are_for_a_person_to_fix(kind):
    port = ask("broker", kind, 0, True)
    host = new_host()
    for user, password in ((None, None), ("rack", "wrong"), ("nobody", "right")):
        mqtt = session(host, port, user=user, password=password)
        error = await raises_async(LocalError, mqtt.connect(LIMIT_MS))
        assert "refuses" in str(error)
        assert "right" not in str(error) and "wrong" not in str(error)
        assert not mqtt.connected
    mqtt = session(host, port, user="rack", password="right")
    await mqtt.connect(LIMIT_MS)
    await mqtt.publish("plant/a", b"1", True, LIMIT_MS)
    await mqtt.close()


async def a_quiet_session_is_kept_alive(kind):
    """A broker closes a session that is silent for one and a half keepalive times (section 3.1.2.10)."""
    port = ask("broker", kind)
    host, mqtt = await opened(port, keepalive_s=1)
    await host.clock.sleep_ms(3500)
    assert mqtt.connected
    await mqtt.publish("plant/a", b"1", True, LIMIT_MS)
    assert retains(port, STATUS, {})
    await mqtt.close()
