"""Data sets, the user's and those of kerf's models: read, scaled, sampled, split, augmented.

images.py    a folder with one subfolder of images per class → models.Data
pixels.py    the range to which a model's pixel values are scaled
samples.py   calibration and test samples: from the model's own data, a user's .npz, or random
held_out.py  a user's .npz, split for training
augment.py   random shifts and mirror images for training
"""
