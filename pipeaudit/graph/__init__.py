"""Stages, artifacts and edges of a whole repository, whoever declares them."""
