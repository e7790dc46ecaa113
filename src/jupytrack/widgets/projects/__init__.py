"""DeepLabCut projects in the annotator: made, trained, compared, without leaving the video."""
