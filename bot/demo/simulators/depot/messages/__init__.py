"""The messages of `depot.ci.v1.CIService`: one class for each, under the name that Depot gives it.

The numbers that stand behind the places of the fields are those of Depot's own CLI; a test
compares every message with what is embedded there. `GetJob` and `GetAttempt` are published as JSON
only, so theirs have no numbers that mean anything.
"""
