"""Serial lines, as `fluxrig.host.Host.serial` promises them, on pseudo terminals."""

import asyncio
import sys

from expect import raises, raises_async

from fluxrig.errors import LocalError, TransientError
from tests.ports.peer import ask
from tests.ports.subject import new_host, until

LIMIT_MS = 5000
EVERY_BYTE = bytes(range(256))


def options(path, **changed):
    """The options of a line, as they come in a compiled rig."""
    result = {
        "path": path,
        "baud": 19_200,
        "parity": "none",
        "stop_bits": 1,
        "rs485": False,
        "direction_pin": None,
        "tx_pin": None,
        "rx_pin": None,
    }
    result.update(changed)
    return result


async def opened(behaviour):
    """A host, a line to a device with that behaviour, and the path of the line."""
    host = new_host()
    path = ask("line", behaviour)
    return host, await host.serial(options(path)), path


async def take(line, count):
    """Exactly `count` bytes, however they arrive."""
    data = b""
    while len(data) < count:
        chunk = await line.read(count - len(data), LIMIT_MS)
        assert chunk, "the line fell silent"
        data += chunk
    return data


async def finished(task):
    return await task


async def test_every_byte_goes_out_and_comes_back_unharmed():
    _, line, path = await opened("echoes")
    await line.write(EVERY_BYTE)
    assert await take(line, 256) == EVERY_BYTE
    for value in (0x00, 0x03, 0x04, 0x0A, 0x0D, 0x11, 0x13, 0x1A, 0x1C, 0x7F, 0xFF):  # what terminals interpret
        await line.write(bytes((value,)))
        assert await take(line, 1) == bytes((value,))
    assert bytes.fromhex(ask("line_received", path, 267))[:256] == EVERY_BYTE
    await line.close()


async def test_nothing_comes_back_but_what_the_device_sends():
    _, line, path = await opened("keeps")
    await line.write(b"question\r\n")
    assert ask("line_received", path, 10) == b"question\r\n".hex()
    assert await line.read(100, 20) is None
    ask("line_sends", path, b"\r\n\x03".hex())
    assert await take(line, 3) == b"\r\n\x03"
    await line.close()


async def test_more_than_the_line_holds_arrives_whole():
    host, line, _ = await opened("echoes")
    writing = asyncio.create_task(line.write(EVERY_BYTE * 256))
    for _ in range(256):
        assert await take(line, 256) == EVERY_BYTE
    await host.clock.wait_for(finished(writing), LIMIT_MS)
    await line.close()


async def test_a_write_that_the_device_does_not_take_lets_others_run_and_ends_with_the_line():
    host, line, _ = await opened("is_deaf")
    written = []

    async def pour():
        for _ in range(50):
            await line.write(bytes(20_000))
            written.append(20_000)

    pouring = asyncio.create_task(pour())
    for _ in range(10):
        assert await line.read(10, 20) is None
    assert len(written) < 50
    await line.close()
    assert "closed" in str(await raises_async(TransientError, host.clock.wait_for(finished(pouring), LIMIT_MS)))


async def test_the_callers_buffer_may_be_reused_after_a_write():
    _, line, _ = await opened("echoes")
    buffer = bytearray(b"first")
    await line.write(buffer)
    buffer[:] = b"later"
    assert await take(line, 5) == b"first"
    await line.close()


async def test_read_gives_what_is_there_and_never_more_than_asked():
    _, line, _ = await opened("echoes")
    await line.write(b"abcdefghij")
    first = await line.read(4)
    assert 1 <= len(first) <= 4
    assert first + await take(line, 10 - len(first)) == b"abcdefghij"
    await line.close()


async def test_a_read_that_ran_out_of_time_or_was_cancelled_loses_nothing():
    host, line, path = await opened("keeps")
    assert await line.read(10, 5) is None
    for turn in range(4):
        waiting = asyncio.create_task(line.read(10, LIMIT_MS * (turn % 2)))
        await host.clock.sleep_ms(turn)
        waiting.cancel()
        await raises_async(asyncio.CancelledError, waiting)
        ask("line_sends", path, b"kept".hex())
        assert await take(line, 4) == b"kept"
    await line.close()


async def test_questions_and_answers_by_the_hundred():
    _, line, _ = await opened("echoes")
    for number in range(300):
        question = bytes((number & 0xFF, number >> 8)) * 4
        await line.write(question)
        assert await take(line, 8) == question
    await line.close()


async def test_what_was_not_read_can_be_discarded():
    host, line, path = await opened("keeps")
    assert line.discard() == 0
    ask("line_sends", path, b"noise".hex())
    dropped = 0
    while dropped < 5:
        dropped += line.discard()
        await host.clock.sleep_ms(1)
    assert await line.read(10, 5) is None
    ask("line_sends", path, b"answer".hex())
    assert await take(line, 6) == b"answer"
    await line.close()
    assert raises(TransientError, line.discard).path == path


async def test_what_came_before_the_line_was_opened_is_discarded():
    host = new_host()
    path = ask("line", "keeps")
    ask("line_has_sent", path, "an old answer\n")
    line = await host.serial(options(path))
    assert await line.read(100, 20) is None
    ask("line_sends", path, b"new".hex())
    assert await take(line, 3) == b"new"
    await line.close()


async def test_close_ends_the_read_of_another_task():
    host, line, path = await opened("keeps")
    reading = asyncio.create_task(line.read(10))
    await host.clock.sleep_ms(10)
    await line.close()
    assert await host.clock.wait_for(finished(reading), LIMIT_MS) == b""
    await line.close()
    assert await line.read(10) == b""
    assert (await raises_async(TransientError, line.write(b"x"))).path == path


async def test_close_in_the_moment_when_something_arrives():
    host, line, path = await opened("keeps")
    for turns in range(3):
        reading = asyncio.create_task(line.read(10))
        await host.clock.sleep_ms(1)
        ask("line_sends", path, b"x".hex())
        for _ in range(turns):
            await asyncio.sleep(0)
        await line.close()
        assert await host.clock.wait_for(finished(reading), LIMIT_MS) in (b"x", b"")
        line = await host.serial(options(path))
    await line.close()


async def test_what_was_written_before_close_arrives():
    _, line, path = await opened("keeps")
    await line.write(b"the last word")
    await line.close()
    assert ask("line_received", path, 13) == b"the last word".hex()


async def test_an_adapter_that_is_pulled_out_while_somebody_reads_and_plugged_in_again():
    host, line, path = await opened("echoes")
    reading = asyncio.create_task(line.read(10, LIMIT_MS))
    await host.clock.sleep_ms(5)
    ask("unplug", path)
    error = await raises_async(TransientError, host.clock.wait_for(finished(reading), LIMIT_MS))
    assert error.path == path and "gone" in str(error)
    await raises_async(TransientError, line.read(10))
    await raises_async(TransientError, line.write(b"x"))
    raises(TransientError, line.discard)
    await line.close()
    assert "gone" in str(await raises_async(TransientError, host.serial(options(path))))
    ask("plug_in", path)
    line = await host.serial(options(path))
    await line.write(b"back")
    assert await take(line, 4) == b"back"
    await line.close()


async def test_an_adapter_that_is_pulled_out_before_a_write():
    host, line, path = await opened("keeps")
    ask("unplug", path)
    assert (await raises_async(TransientError, line.write(b"x"))).path == path
    assert (await raises_async(TransientError, line.read(10, LIMIT_MS))).path == path

    def is_known():
        try:
            line.discard()
        except TransientError:
            return True
        return False

    await until(is_known, host.clock)
    await line.close()


async def test_a_line_that_never_was_and_a_file_that_is_none():
    host = new_host()
    missing = ask("folder") + "/ttyNONE"
    error = await raises_async(LocalError, host.serial(options(missing)))
    assert error.path == missing and "no such serial line" in str(error)
    file = ask("file", ask("folder") + "/file", "644", "x")
    assert "not a serial line" in str(await raises_async(LocalError, host.serial(options(file))))


async def test_a_line_has_one_user_at_a_time():
    host, line, path = await opened("echoes")
    error = await raises_async(TransientError, host.serial(options(path)))
    assert error.path == path and "busy" in str(error)
    await line.write(b"still mine")
    assert await take(line, 10) == b"still mine"
    await line.close()
    line = await host.serial(options(path))
    await line.write(b"again")
    assert await take(line, 5) == b"again"
    await line.close()


async def test_the_settings_are_those_that_were_asked_for():
    host = new_host()
    path = ask("line", "keeps")
    wanted = ((1200, "none", 1), (9600, "odd", 2), (19_200, "even", 1), (38_400, "none", 2), (115_200, "odd", 1))
    for baud, parity, stop_bits in wanted:
        line = await host.serial(options(path, baud=baud, parity=parity, stop_bits=stop_bits))
        assert ask("line_settings", path) == {
            "baud": baud,
            "data_bits": 8,
            "stop_bits": stop_bits,
            "odd": int(parity == "odd"),
            "changes_input": 0,
            "changes_output": 0,
            "edits": 0,
        }
        await line.close()


async def test_what_the_platform_cannot_do_is_a_mistake_of_this_side():
    host = new_host()
    path = ask("line", "keeps")
    for impossible in ({"baud": 0}, {"rs485": True}, {"direction_pin": 4}):
        error = await raises_async(LocalError, host.serial(options(path, **impossible)))
        assert error.path == path
    line = await host.serial(options(path))  # which none of them has kept
    await line.close()


async def test_many_lines_one_after_the_other_cost_no_descriptors():
    host = new_host()
    path = ask("line", "keeps")
    missing = ask("folder") + "/ttyNONE"
    line = await host.serial(options(path))
    first = number(line)
    await line.close()
    for _ in range(50):
        line = await host.serial(options(path))
        await line.close()
        await raises_async(LocalError, host.serial(options(missing)))
        await raises_async(LocalError, host.serial(options(path, rs485=True)))
    line = await host.serial(options(path))
    assert number(line) < first + 10
    await line.close()


def number(line):
    """The file descriptor of a line: the lowest free one, so it tells how many are in use."""
    return line._file.fileno() if sys.implementation.name == "micropython" else line._fd
