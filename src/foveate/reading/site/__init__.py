"""The reader study's web application: one study, its readers and its administrators, on one host."""
