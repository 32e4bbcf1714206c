"""AutoencoderTransformer: its architectures, variants and sampling of codes."""
