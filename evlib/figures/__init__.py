"""Figures: one function each, tidy data in, Plotly figure out."""
