"""Settings as they stand in a config."""

from __future__ import annotations

RECIPE = {
    "_target_": "hypo.training.recipe.Recipe",
    "epochs": 1,
    "batch": 1,
    "optimizer": "sgd",
    "learning_rate": 0.1,
}


EVALUATION = {"_target_": "hypo.measurements.evaluation.Evaluation"}
RANDOM = "hypo.attacks.searches.random_points.RandomPoints"
