"""The Configure page: forms of every group, what they compose to, recipes, estimates, the launch."""
