"""The figures of Tao et al. (2022) as the paper draws them: ours, and in other panels what was published."""
