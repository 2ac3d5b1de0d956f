"""From images to a manifest, a split and packed pixels."""
