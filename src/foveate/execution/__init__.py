"""Runs are carried out: one at a time, on this machine."""
