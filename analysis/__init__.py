"""Run directories in, the paper's tables and curves out.

`sources` finds the runs, `collect` reads them into one frame (`setting_columns` says which settings make them
comparable, `findings` what was measured besides), `cells` averages over seeds, `tables` and `curves` show the
outcome; `python -m analysis` is the door to all of them.
"""
