"""Problems small enough that their risks are known in closed form, beside computations that do not use it."""
