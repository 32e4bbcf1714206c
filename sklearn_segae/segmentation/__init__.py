"""AESegmenter: codes to label maps."""
