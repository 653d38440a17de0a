"""What speaks for a control: signals, functions of the project that give evidence."""
