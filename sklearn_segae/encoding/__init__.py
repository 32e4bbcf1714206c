"""PixelEncoder: from images to a code for every pixel."""
