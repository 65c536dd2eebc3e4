"""The `filter` Gear: runtime beside its manifest."""
