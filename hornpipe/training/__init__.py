"""How a network learns: `trainer` takes the arguments, `data` makes batches, `executor` runs steps, `step` and `objective` say what one does."""
