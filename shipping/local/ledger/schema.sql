-- The engine's records, one row each: the newest wins. `build` lets a whole build go at once.
CREATE TABLE IF NOT EXISTS records (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  build TEXT,
  body TEXT NOT NULL,
  PRIMARY KEY (kind, id)
) STRICT;
CREATE INDEX IF NOT EXISTS records_build ON records (build);

CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE IF NOT EXISTS pipelines (slug TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;

CREATE TABLE IF NOT EXISTS meta_data (
  build TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (build, key)
) STRICT;

CREATE TABLE IF NOT EXISTS annotations (
  id TEXT PRIMARY KEY,
  build TEXT NOT NULL,
  job TEXT,
  context TEXT NOT NULL,
  style TEXT NOT NULL,
  body TEXT NOT NULL,
  priority INTEGER NOT NULL,
  created_at REAL NOT NULL,
  updated_at REAL NOT NULL,
  UNIQUE (build, context)
) STRICT;

CREATE TABLE IF NOT EXISTS artifacts (
  id TEXT PRIMARY KEY,
  build TEXT NOT NULL,
  job TEXT NOT NULL,
  batch TEXT NOT NULL,
  place INTEGER NOT NULL,
  path TEXT NOT NULL,
  absolute_path TEXT NOT NULL,
  glob_path TEXT NOT NULL,
  size INTEGER NOT NULL,
  sha1 TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  content_type TEXT NOT NULL,
  destination TEXT NOT NULL,
  url TEXT NOT NULL,
  secret TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL,
  received INTEGER NOT NULL DEFAULT 0,
  created_at REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS artifacts_build ON artifacts (build);
CREATE INDEX IF NOT EXISTS artifacts_batch ON artifacts (job, batch);

-- Chunks come gzipped, out of order and sometimes twice. `lines` is how many end in one: a page's lines have numbers.
CREATE TABLE IF NOT EXISTS log_chunks (
  job TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  build TEXT NOT NULL,
  size INTEGER NOT NULL,
  body BLOB NOT NULL,
  lines INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (job, sequence)
) STRICT;

-- Lines of the control plane's own, shown behind what the agent sent.
CREATE TABLE IF NOT EXISTS log_notes (job TEXT NOT NULL, build TEXT NOT NULL, text TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS log_notes_job ON log_notes (job);

-- What the REST API keeps beside builds: clusters, teams, schedules, tokens (by their digest), settings.
CREATE TABLE IF NOT EXISTS registry (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  parent TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (kind, id)
) STRICT;
CREATE INDEX IF NOT EXISTS registry_parent ON registry (kind, parent);

-- Who would have been told of what, in place of messages.
CREATE TABLE IF NOT EXISTS notifications (
  build TEXT NOT NULL,
  step TEXT,
  event TEXT NOT NULL,
  channel TEXT NOT NULL,
  message TEXT NOT NULL,
  at REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS notifications_build ON notifications (build);
