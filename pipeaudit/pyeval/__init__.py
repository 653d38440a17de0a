"""A bounded partial evaluator for code that builds pipelines: it runs what is known and keeps track of what is not."""
