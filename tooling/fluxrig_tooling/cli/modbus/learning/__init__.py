"""What `learn` knows of numbers: pure, without I/O and clock.

panel      readings as a person types them
encodings  the ways in which registers hold a number
place      one of those ways, at an address, with a scale
fit        how well a number fits a reading
ranking    the places that may be behind readings, the likely ones first
"""
