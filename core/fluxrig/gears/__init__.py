"""Built-in Gears, one folder each. Nothing here is imported until a rig uses it."""
