"""The ledger's tables. A home written by a newer version is refused; older ones are upgraded here, step by step."""

from __future__ import annotations

VERSION = 3

# A trace is of one reply: whatever becomes of the reply, its trace goes.
TRACES = """
CREATE TABLE traces (
    episode INTEGER PRIMARY KEY REFERENCES episodes (id),
    adapter TEXT,
    found TEXT NOT NULL,          -- JSON list of (episode, similarity): no words that would have to be forgotten
    tokens INTEGER NOT NULL,
    seconds REAL NOT NULL,
    stopped INTEGER NOT NULL,
    source TEXT,
    without_buffer TEXT,
    without_weights TEXT,
    without_both TEXT,
    memory INTEGER,
    night INTEGER                 -- that had learnt the memory: it may be undone since
) STRICT;
CREATE TRIGGER traces_end AFTER UPDATE OF replied ON episodes BEGIN DELETE FROM traces WHERE episode = old.id; END;
"""

UPGRADES = {
    # from this version to the next; applied in one transaction
    1: "ALTER TABLE nights ADD COLUMN sha256 TEXT;\n",
    2: TRACES,
}

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE episodes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    said TEXT NOT NULL,
    replied TEXT,
    at TEXT NOT NULL,
    origin TEXT NOT NULL,
    session TEXT NOT NULL DEFAULT '',
    cleared_by INTEGER            -- the night that cleared it from the buffer
) STRICT;
CREATE INDEX episodes_waiting ON episodes (cleared_by);
CREATE TABLE memories (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    episode INTEGER NOT NULL REFERENCES episodes (id),
    text TEXT NOT NULL,
    at TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'buffer',
    night INTEGER,
    failures INTEGER NOT NULL DEFAULT 0,
    superseded_by INTEGER,
    pinned INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX memories_state ON memories (state);
CREATE TABLE nights (
    number INTEGER PRIMARY KEY,
    phase TEXT NOT NULL,
    started TEXT NOT NULL,
    finished TEXT,
    episodes TEXT NOT NULL,       -- JSON list of ids
    adapter TEXT,
    parent TEXT,
    report TEXT,                  -- JSON
    sha256 TEXT                   -- digest of the adapter that was trained, before it is examined
) STRICT;
CREATE TABLE dreams (
    id INTEGER PRIMARY KEY,
    night INTEGER NOT NULL,
    kind TEXT NOT NULL,
    cue TEXT NOT NULL,
    reply TEXT NOT NULL,
    gap REAL NOT NULL,
    used INTEGER NOT NULL,
    held_out INTEGER NOT NULL
) STRICT;
CREATE TABLE dream_memories (
    dream INTEGER NOT NULL REFERENCES dreams (id) ON DELETE CASCADE,
    memory INTEGER NOT NULL,
    place INTEGER NOT NULL
) STRICT;
CREATE INDEX dream_memories_memory ON dream_memories (memory);
CREATE INDEX dream_memories_dream ON dream_memories (dream);
CREATE TABLE answers (
    id INTEGER PRIMARY KEY,
    night INTEGER NOT NULL,
    memory INTEGER,
    kind TEXT NOT NULL,
    question TEXT NOT NULL,
    expected TEXT NOT NULL,
    answer TEXT NOT NULL,
    right INTEGER NOT NULL,
    control_answer TEXT NOT NULL,
    control_right INTEGER NOT NULL
) STRICT;
"""
SCHEMA += TRACES
