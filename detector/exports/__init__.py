"""Writes models for other programs, and checks what was written."""
