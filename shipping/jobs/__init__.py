"""One file per plugin: reads the plugin's configuration, calls the rooms below, returns the job's exit status."""
