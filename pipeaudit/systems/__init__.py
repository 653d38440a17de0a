"""One file per pipeline system: its files to stages and artifacts."""
