"""What speaks for a control: signals, each a function of the project that gives evidence with its place and strength."""
