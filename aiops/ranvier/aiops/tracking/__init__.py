"""Where trainings are recorded: parameters, curves and pictures, to look at and to compare."""
