"""The report: tables, the numbers that the paper published, and one self-contained page."""
