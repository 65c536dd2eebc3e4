"""The `correlator` Gear: runtime beside its manifest."""
