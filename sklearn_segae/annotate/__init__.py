"""Local web page for drawing labels: session, model and server."""
