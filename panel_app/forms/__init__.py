"""Forms of the Configure page, generated from the schemas; the state of a recipe behind them."""
