"""Several videos of a DeepLabCut project in one place, one after the other."""
