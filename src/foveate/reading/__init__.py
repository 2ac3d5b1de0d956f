"""The reader study: clinicians judge the heat-maps, blind."""
