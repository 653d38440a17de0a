"""pipeaudit reads a machine-learning repository without running it."""

__version__ = "0.1.0"
PROJECT_URL = "https://github.com/pipeaudit/pipeaudit"
