"""Workers that are not ours: on a scheduler that runs already, or of a cluster class that a run starts.

Nothing is taken for granted of them: each is looked at before it gets its first chunk, whenever it joins.
"""
