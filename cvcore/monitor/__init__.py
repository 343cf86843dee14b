"""Whether what a model is asked is like what it was trained on. Torch-free.

`features` of an image and `answers` of a model are compared (`drift`) with the `reference` that a
training writes beside its model. Source: PSI, Siddiqi, Credit Risk Scorecards, 2006, ch. 8; KS, Massey 1951.
"""
