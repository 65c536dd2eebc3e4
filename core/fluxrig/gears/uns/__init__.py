"""The `uns` Gear: runtime beside its manifest."""
