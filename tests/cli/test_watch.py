"""What `fluxrig rig run --watch` keeps of a run."""

from fluxrig_tooling.cli.watch import Watch, watching


def test_the_table_begins_empty():
    Watch.seen["plc", "pressure"] = (1.5, "good", 0)
    with watching("a later run"):
        assert not Watch.seen
