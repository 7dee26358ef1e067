"""Decides what a build has, and why: which steps, which tests, how they are sharded. Pure but for its edge."""
