"""The seventeen items of the seed, corrected: each has a check that the product passes and a broken variant fails."""
