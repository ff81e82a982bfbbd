"""Tests of the trading brain: no Nautilus, no clock, no disk but pytest's own."""
