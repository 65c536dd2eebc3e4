"""What only the session on umqtt.simple has to get right. Run by test_on_micropython.py."""

from fluxrig.errors import TransientError
from tests.ports.mqtt_suite import LIMIT_MS, opened, retains, session
from tests.ports.peer import ask, open_port
from tests.ports.subject import new_host, until


async def test_packet_ids_go_from_65535_to_1():
    port = ask("broker", "amqtt")
    _, mqtt = await opened(port)
    mqtt._client.pid = 65_533
    for number in range(5):
        await mqtt.publish(f"plant/{number}", b"%d" % number, True, LIMIT_MS)
    assert mqtt._client.pid == 3
    assert retains(port, "plant/#", {f"plant/{number}": str(number) for number in range(5)})
    await mqtt.close()


async def test_a_packet_too_large_for_this_device_ends_the_session():
    host = new_host()
    mqtt = session(host, open_port("says_yes_and_floods"))
    await mqtt.connect(LIMIT_MS)
    await until(lambda: not mqtt.connected, host.clock)
    try:
        await mqtt.publish("plant/a", b"1", True, LIMIT_MS)
    except TransientError:
        return
    raise AssertionError("published on a lost session")


async def test_many_sessions_one_after_the_other_cost_no_sockets():
    port = ask("broker", "amqtt")
    refusing = ask("broker", "amqtt", 0, True)
    host = new_host()
    numbers = set()
    for _ in range(20):
        mqtt = session(host, port)
        await mqtt.connect(LIMIT_MS)
        numbers.add(mqtt._client.link.sock.fileno())
        await mqtt.close()
        refused = session(host, refusing)
        try:
            await refused.connect(LIMIT_MS)
        except Exception as exc:
            assert "refuses" in str(exc)
    assert len(numbers) <= 2, numbers
