"""The formats of a bundle, one module a file.

The module `loss_csv` makes the file `loss.csv`: it defines a function of its own name, which takes a `RunRecord` of a
run that has started and returns the file's text. Those of `engine.export.WITH_PREDICTIONS` take an `Opened` run.
"""
