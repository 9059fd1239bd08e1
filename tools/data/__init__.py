"""Data sets of the user and of kerf's models: read, put into the model's range, chosen from, split, augmented.

images.py    a folder with one folder of images per class → models.Data
pixels.py    which numbers a model takes for 256 levels of a pixel
samples.py   what a model is calibrated and tested with: its own data, a user's .npz, or random numbers
held_out.py  a user's .npz, split to be trained on
augment.py   training images as the camera could have taken them
"""
