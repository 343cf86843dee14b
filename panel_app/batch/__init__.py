"""What the page Batch works with: which batches there are, how far, and what they gave.

batches    batches of the ledger, their progress, started, canceled, resumed
results    rows of an output, as the image grid shows them, and files to keep
"""
