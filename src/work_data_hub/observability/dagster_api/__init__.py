"""Every call to Dagster that is not in its public API, and what it answers in our own terms.

Nothing else in this package touches an attribute that Dagster does not document. The contract
test runs each function against a real instance, on the oldest and the newest Dagster admitted.
"""
