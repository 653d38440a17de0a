"""The vocabulary that every other layer speaks; it imports nothing of ours."""
