"""Joins what systems declare with what code does, across files."""
