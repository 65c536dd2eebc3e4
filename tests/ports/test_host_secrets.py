"""Secrets and entropy, as `fluxrig.host.Host` promises them. The environment is set by conftest.py."""

from expect import raises

from fluxrig.errors import LocalError
from tests.ports.peer import ask
from tests.ports.subject import new_host


def secret_file(host, name, mode, text, times=1):
    return ask("file", f"{host.state_dir}/secrets/{name}", mode, text, times)


def test_a_secret_from_the_environment():
    assert new_host().secret("from-environment") == "kept in the environment"


def test_a_secret_from_a_file_without_its_newline():
    host = new_host()
    for text, expected in (("s3cret", "s3cret"), ("s3cret\n", "s3cret"), ("s3cret\n\n", "s3cret\n")):
        secret_file(host, "broker", "600", text)
        assert host.secret("broker") == expected
    secret_file(host, "broker", "400", "read-only")
    assert host.secret("broker") == "read-only"


def test_the_environment_goes_before_the_file():
    host = new_host()
    secret_file(host, "from-environment", "600", "kept in a file")
    assert host.secret("from-environment") == "kept in the environment"


def test_a_secret_that_others_can_read_is_refused_with_the_fix():
    host = new_host()
    for mode in ("644", "640", "604", "660"):
        path = secret_file(host, "broker", mode, "s3cret")
        text = str(raises(LocalError, host.secret, "broker"))
        assert f"chmod 600 {path}" in text
        assert "s3cret" not in text


def test_a_missing_secret_says_where_it_was_looked_for():
    host = new_host()
    error = raises(LocalError, host.secret, "plc-password")
    assert error.secret == "plc-password"
    assert "FLUXRIG_SECRET_PLC_PASSWORD" in str(error)
    assert f"{host.state_dir}/secrets/plc-password" in str(error)


def test_a_secrets_name_cannot_leave_the_folder():
    host = new_host()
    for name in ("", "..", "../x", "a/b", "a.b", "a b"):
        assert raises(LocalError, host.secret, name).secret == name


def test_a_file_too_long_for_a_secret_is_refused():
    host = new_host()
    secret_file(host, "broker", "600", "x", 100_000)
    assert "longer than" in str(raises(LocalError, host.secret, "broker"))


def test_entropy_gives_as_many_bytes_as_asked_and_never_the_same():
    host = new_host()
    assert host.entropy(0) == b""
    drawn = [bytes(host.entropy(16)) for _ in range(50)]
    assert all(len(each) == 16 for each in drawn)
    assert len(set(drawn)) == 50
