"""What a user can mend."""

from __future__ import annotations


class UserError(Exception):
    """Something that the user wrote or named can't be used: exit 2, with what to write instead."""
