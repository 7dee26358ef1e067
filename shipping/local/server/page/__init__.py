"""What people see: server-rendered, read-only, one stylesheet. `logs` and `markdown` make other people's text safe."""
