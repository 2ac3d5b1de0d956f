"""Scores of trained models, and what they are worth."""
