"""How a write ended, from what the device answered to it and to the looks at what it holds."""

from fluxrig.modbus import confirmed_write as ends
from fluxrig.modbus.exceptions import ACKNOWLEDGE, ILLEGAL_DATA_VALUE, SERVER_DEVICE_BUSY
from fluxrig.modbus.line import LineError
from fluxrig.modbus.pdu import exception_response, read_request, write_register
from fluxrig.modbus.request import Request

UNIT = 7
WANTED, OTHER = b"\0\5", b"\0\4"
SILENCE = LineError("no answer", reason="timeout")


def refused(code, function=6):
    return exception_response(function, code)


BUSY = refused(SERVER_DEVICE_BUSY, 3)


class Asker:
    """A device that answers each look with the next of `answers`: data, or an error. Its own clock: `slept` in ms."""

    def __init__(self, answers):
        self.answers = list(answers)
        self.clock = self
        self.slept = []

    async def sleep_ms(self, ms):
        self.slept.append(ms)

    async def ask(self, requests):
        (request,) = requests
        answer = self.answers.pop(0)
        if isinstance(answer, bytes):
            request.take(answer, 0)
        else:
            request.fail(answer)


def written(error=None, data=b"", sent=True):
    write = ends.Write(UNIT, write_register(1, WANTED))
    write.sent = sent
    if error is None:
        write.take(data, 0)
    else:
        write.fail(error)
    return write


async def outcome(write, *answers, verify=True):
    asker = Asker(answers)
    look = Request(UNIT, read_request(3, 1, 1)) if verify else None
    found = await ends.outcome_of(write, look, lambda data: data == WANTED, asker)
    assert asker.answers == [], "no look too few"
    return found, asker.slept


async def test_what_was_not_sent_or_refused_is_not_looked_for():
    assert await outcome(written(SILENCE, sent=False)) == ((ends.NOT_SENT, None), [])
    assert await outcome(written(refused(ILLEGAL_DATA_VALUE))) == ((ends.REFUSED, None), [])
    assert await outcome(written(refused(SERVER_DEVICE_BUSY))) == ((ends.REFUSED, None), [])


async def test_what_is_not_to_be_read_back_was_accepted_or_nobody_knows():
    assert await outcome(written(), verify=False) == ((ends.ACCEPTED, None), [])
    assert await outcome(written(SILENCE), verify=False) == ((ends.UNKNOWN, None), [])
    assert await outcome(written(refused(ACKNOWLEDGE)), verify=False) == ((ends.UNKNOWN, None), [])


async def test_it_is_confirmed_as_soon_as_the_device_holds_it_however_the_write_was_answered():
    for error in (None, SILENCE, refused(ACKNOWLEDGE)):
        assert await outcome(written(error), WANTED) == ((ends.CONFIRMED, WANTED), [])
        assert await outcome(written(error), OTHER, BUSY, WANTED) == ((ends.CONFIRMED, WANTED), [20, 80])
    assert await outcome(written(data=WANTED)) == ((ends.CONFIRMED, WANTED), []), "function 23 has read it already"
    assert await outcome(written(data=OTHER), OTHER, WANTED) == ((ends.CONFIRMED, WANTED), [20])


async def test_something_else_is_not_confirmed_or_still_open_where_the_write_was_not_answered():
    four = [OTHER] * 4
    assert await outcome(written(), *four) == ((ends.NOT_CONFIRMED, OTHER), [20, 80, 200])
    assert await outcome(written(SILENCE), *four) == ((ends.UNKNOWN, OTHER), [20, 80, 200])
    assert await outcome(written(), OTHER, BUSY, BUSY, BUSY) == ((ends.NOT_CONFIRMED, OTHER), [20, 80, 200])


async def test_a_device_that_is_silent_is_not_asked_again():
    assert await outcome(written(), SILENCE) == ((ends.UNKNOWN, None), [])
    assert await outcome(written(), BUSY, SILENCE) == ((ends.UNKNOWN, None), [20])
    assert await outcome(written(), OTHER, SILENCE) == ((ends.NOT_CONFIRMED, OTHER), [20])
