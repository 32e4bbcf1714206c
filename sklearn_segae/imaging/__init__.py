"""Images and label maps as arrays: validated, normalized, lazy, tiled, sampled, rendered."""
