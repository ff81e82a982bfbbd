"""Tests of the engine and its markets."""
