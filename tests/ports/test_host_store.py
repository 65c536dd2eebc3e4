"""The store, as `fluxrig.host.Store` promises it. The power cut itself is in test_store_power_cut.py."""

from expect import raises

from fluxrig.errors import LocalError
from tests.ports.peer import ask
from tests.ports.subject import new_host


def test_a_store_is_empty_before_the_first_write():
    store = new_host().store
    assert store.names() == []
    assert store.read("a") is None
    store.remove("a")


def test_what_is_written_is_read_back():
    store = new_host().store
    for content in (b"", b"x", bytes(range(256)) * 100):
        store.write("file", content)
        assert store.read("file") == content


def test_a_write_replaces_the_whole_content():
    store = new_host().store
    store.write("file", b"a long content")
    store.write("file", b"short")
    assert store.read("file") == b"short"


def test_names_are_sorted_and_only_the_names():
    store = new_host().store
    for name in ("b.1", "a", "z_9-x"):
        store.write(name, b"")
    assert store.names() == ["a", "b.1", "z_9-x"]


def test_remove_takes_a_file_away():
    store = new_host().store
    store.write("a", b"1")
    store.write("b", b"2")
    store.remove("a")
    store.remove("a")
    assert store.names() == ["b"]
    assert store.read("a") is None


def test_another_store_on_the_same_folder_sees_the_files():
    host = new_host()
    host.store.write("a", b"1")
    again = type(host)(host.state_dir)
    assert again.store.names() == ["a"]
    assert again.store.read("a") == b"1"


def test_names_cannot_leave_the_folder():
    store = new_host().store
    for name in ("", ".", "..", "a/b", "../a", "/etc/passwd", "A", "ä", "a b", "a\x00", "a~"):
        for call in (lambda name=name: store.write(name, b""), lambda name=name: store.read(name)):
            error = raises(LocalError, call)
            assert error.name == name
    assert store.names() == []


def test_what_an_interrupted_write_left_behind_is_not_a_file():
    host = new_host()
    host.store.write("a", b"old")
    ask("file", f"{host.state_dir}/store/a~", "600", "unfinished")
    assert host.store.names() == ["a"]
    assert host.store.read("a") == b"old"
    host.store.write("a", b"new")
    assert host.store.read("a") == b"new"


def test_a_store_that_cannot_be_made_is_a_mistake_of_this_side():
    host = new_host()
    path = ask("file", f"{host.state_dir}/store", "600", "a file where the folder should be")
    for call in (lambda: host.store.write("a", b"1"), lambda: host.store.read("a"), host.store.names):
        assert path in str(raises(LocalError, call))
