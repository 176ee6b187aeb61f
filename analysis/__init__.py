"""Run directories in, the paper's tables and curves out.

`reading` finds the runs and reads them into one frame, `tables` and `curves` show it, `paper` sets it beside the
published numbers, `report` and `wandb` put it on pages; `python -m analysis` is the door to all of them.
"""
