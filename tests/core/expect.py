"""What the tests in this folder need on both interpreters, where pytest does not run on one of them."""


def raises(kind, call, *args, **kwargs):
    """The exception of class `kind` that `call(*args, **kwargs)` raises. Fails when it raises none."""
    try:
        result = call(*args, **kwargs)
    except kind as exc:
        return exc
    raise AssertionError(f"expected {kind.__name__}, got the result {result!r}")


async def raises_async(kind, awaitable):
    """The exception of class `kind` that awaiting raises. Fails when it raises none."""
    try:
        result = await awaitable
    except kind as exc:
        return exc
    raise AssertionError(f"expected {kind.__name__}, got the result {result!r}")
