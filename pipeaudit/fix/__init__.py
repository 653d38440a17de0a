"""Edits that mend findings: from what a rule proposes to new bytes of its file. Nothing here decides what to mend."""
