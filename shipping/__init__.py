"""Does what the generator decided: runs shards, builds and publishes slugs, and holds the local world."""
