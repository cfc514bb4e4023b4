"""Several processes that train one run together: how they find each other, and what they pass on.

`place` says which of them this one is, `meeting` brings them together, `group` adds up their numbers, `others` starts
them. What each of them computes is the business of `engine.training.parallel`.
"""
