"""AutoencoderTransformer: samples to codes and back."""
