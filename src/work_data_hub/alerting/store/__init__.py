"""What the router remembers: incidents, groups, conversations, dead letters, counters.

`database` opens it; the other modules are functions over one connection, so that the router
decides what belongs to one transaction.
"""
