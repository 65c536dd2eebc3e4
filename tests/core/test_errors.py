from expect import raises

from fluxrig.errors import FluxError, LocalError, RemoteError, TransientError


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
