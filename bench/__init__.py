"""Measurements, each beside baselines that run on the same machine, with the same client, in the same run."""
