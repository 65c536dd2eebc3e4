"""The `io_modbus` Gear: runtime beside its manifest."""
