from expect import raises

from fluxrig.errors import FluxError, LocalError, RemoteError, TransientError, failure_text, worth_logging


def test_every_kind_is_a_flux_error_and_no_kind_is_another():
    kinds = (LocalError, RemoteError, TransientError)
    for kind in kinds:
        assert issubclass(kind, FluxError)
        for other in kinds:
            assert kind is other or not issubclass(kind, other)


def test_fields_are_attributes():
    error = RemoteError("exception 2", unit_id=3, function=4)
    assert str(error) == "exception 2"
    assert (error.unit_id, error.function) == (3, 4)
    assert error.fields == {"unit_id": 3, "function": 4}


def test_a_field_that_is_not_there_is_an_attribute_error():
    raises(AttributeError, getattr, LocalError("x"), "unit_id")


def test_what_is_raised_on_purpose_is_told_by_its_text_and_a_mistake_by_its_traceback():
    assert failure_text(TransientError("timed out")) == "timed out"
    try:
        raise ValueError("odd")
    except ValueError as exc:
        text = failure_text(exc)
    assert text.startswith("Traceback") and "test_errors" in text and "ValueError: odd" in text


def test_of_many_alike_ever_fewer_are_logged():
    assert [count for count in range(1, 100) if worth_logging(count)] == [1, 2, 4, 8, 16, 32, 64]
