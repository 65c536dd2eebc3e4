"""The `fluxrig` command. Commands are `fluxrig NOUN verb`; each module here is one noun."""
