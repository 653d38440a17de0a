"""Bytes to trees that know their lines: one module a format."""
