"""Local web page for drawing labels: session, model, files and server."""
