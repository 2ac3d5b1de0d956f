"""Heat-maps: made, drawn, scored."""
