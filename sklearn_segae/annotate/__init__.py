"""The page to scribble on: strokes, what is learnt from them, and its server."""
