"""Training of networks with skorch: parameters, batches, losses, optimizers, callbacks."""
