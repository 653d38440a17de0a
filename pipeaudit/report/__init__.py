"""One module per format: a finished audit to text. No renderer computes anything about the pipeline."""
