"""What speaks against a study's numbers: each warning in one place, for the terminal, the page, the cards, the JSON."""
