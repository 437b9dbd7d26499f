"""The models: predictors that implement the twin's `Predictor` port."""
