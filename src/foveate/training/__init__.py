"""One training run, repeatable to the bit and resumable at any step."""
