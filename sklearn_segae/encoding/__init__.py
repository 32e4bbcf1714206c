"""PixelEncoder: images to a code for every pixel."""
