"""The `console` Gear: runtime beside its manifest."""
