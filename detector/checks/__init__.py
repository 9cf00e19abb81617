"""What is wrong with datasets and detections, and what can be put right."""
