"""From a fitted pipeline to tracks: what each column of its last table is made of."""
