"""Measurements of batch-scorer beside what people would use instead; `scripts/bench` runs them.

measuring/  a command with all its descendants: seconds, processor, memory; in turn with others
inputs/     lakes, models, projects and histories to measure on; the peers
programs/   what runs in a process of its own
benches/    one module a verb: measures, and says it as a section
page/       sections and goals, and the page that holds them
"""
