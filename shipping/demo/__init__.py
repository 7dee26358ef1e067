"""The whole of it on one machine: `repository` makes one of the sample app, `story` ships it, `timeline` tells the seconds."""
