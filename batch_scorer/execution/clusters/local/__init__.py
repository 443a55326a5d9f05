"""Workers that a run starts for itself: forked from one process that imports while the driver plans.

head_start begins that process before anybody knows whether it is needed; preload and what is beside it is
what it imports, in the order that `workers` names.
"""
