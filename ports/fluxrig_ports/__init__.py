"""The platforms fluxrig runs on: each submodule implements the contract in `fluxrig.host`."""
