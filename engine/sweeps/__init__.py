"""Many runs that look for good constants. A trial is an ordinary run; the sweep is a folder that contains them.

Optuna suggests values, and the runs are the truth: a sweep is known from its folder alone, so there is no study file
that could be torn. See `engine.sweeps.folder` for what is on disk.
"""
