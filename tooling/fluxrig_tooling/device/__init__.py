"""Hardware: what boards there are, and later what is put on them."""
