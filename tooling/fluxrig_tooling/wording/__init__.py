"""How names and quantities are written, in files and in messages."""
