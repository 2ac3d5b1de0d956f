"""A trained model on new images: read as in training, predicted in batches, explained by Grad-CAM."""
