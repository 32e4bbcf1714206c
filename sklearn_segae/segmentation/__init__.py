"""AESegmenter: from codes to label maps, by clusterers and classifiers."""
