-- The hub's SQLite file. It holds sealed segments, open facts, membership logs and nothing else.

CREATE TABLE meta (              -- one row
    incarnation BLOB NOT NULL    -- 8 random bytes, new after a restore
);

CREATE TABLE streams (
    stream BLOB PRIMARY KEY,     -- stream id
    head   INTEGER NOT NULL      -- newest position
) WITHOUT ROWID;

CREATE TABLE segments (
    stream     BLOB NOT NULL,
    position   INTEGER NOT NULL, -- 1, 2, 3 … in the stream
    device     BLOB NOT NULL,    -- author
    generation BLOB NOT NULL,
    first      INTEGER NOT NULL, -- number of the first op in the chain
    next       INTEGER NOT NULL, -- number after the last op
    hash       BLOB NOT NULL,    -- SHA-256 of body
    received   INTEGER NOT NULL, -- hub time, unix milliseconds
    body       BLOB NOT NULL,    -- canonical bytes
    PRIMARY KEY (stream, position)
);
CREATE UNIQUE INDEX chain ON segments (stream, device, generation, first);

CREATE TABLE forks (             -- segments that overlap what their chain holds; the first few of each chain
    hash       BLOB PRIMARY KEY,
    stream     BLOB NOT NULL,
    device     BLOB NOT NULL,
    generation BLOB NOT NULL,
    first      INTEGER NOT NULL,
    received   INTEGER NOT NULL,
    body       BLOB NOT NULL
);
CREATE INDEX forked ON forks (stream, device, generation);

CREATE TABLE quarantine (        -- segments of authors whose rights have ended, for review; a bounded number of each device
    hash       BLOB PRIMARY KEY,
    stream     BLOB NOT NULL,
    device     BLOB NOT NULL,
    generation BLOB NOT NULL,
    first      INTEGER NOT NULL,
    received   INTEGER NOT NULL,
    body       BLOB NOT NULL
);
CREATE INDEX quarantined ON quarantine (device);

CREATE TABLE numbers (           -- last request number of each device
    device BLOB PRIMARY KEY,
    number INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE logs (              -- membership log entries
    log   BLOB NOT NULL,
    idx   INTEGER NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (log, idx)
);

CREATE TABLE enrolments (
    id       INTEGER PRIMARY KEY,          -- rising: the order of arrival
    invite   BLOB NOT NULL UNIQUE,         -- invite id: one card an invite
    unit     BLOB NOT NULL,
    post     BLOB NOT NULL,
    district INTEGER NOT NULL,             -- district of the unit
    card     BLOB NOT NULL,                -- SHA-256 of the device card
    message  BLOB NOT NULL,
    done     INTEGER NOT NULL DEFAULT 0    -- 1 once the unit has bound this card to this post
);
CREATE INDEX enrolments_pending ON enrolments (district, id) WHERE done = 0;
CREATE INDEX enrolments_place ON enrolments (unit, post, card);

PRAGMA user_version = 1;
