-- Small facts of this profile. Source of truth: the outbox; rebuilt from it.
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,     -- 'generation', 'incarnation' (8 bytes), 'counter' (next op number of the generation), 'last_success' (unix seconds)
    value BLOB NOT NULL         -- as the name says; numbers as 8 bytes, big-endian
) STRICT, WITHOUT ROWID;

-- The own chains: one for each stream and generation.
CREATE TABLE chains (
    stream     BLOB NOT NULL,       -- stream id, 16 bytes
    generation BLOB NOT NULL,       -- generation, 8 bytes
    next       INTEGER NOT NULL,    -- sequence number of the next op in this chain
    head       BLOB NOT NULL,       -- hash of the segment that ends at next - 1; 32 zero bytes at the start
    PRIMARY KEY (stream, generation)
) STRICT, WITHOUT ROWID;

-- Every op held, once for each stream that brought it. A record is the merge of its rows here.
CREATE TABLE ops (
    record     BLOB NOT NULL,       -- record id, 16 bytes
    device     BLOB NOT NULL,       -- op id: the device that wrote it
    generation BLOB NOT NULL,       -- op id: the device's generation
    counter    INTEGER NOT NULL,    -- op id: number in (device, generation)
    tag        BLOB NOT NULL,       -- op id: 4 bytes that tell two ops with one counter apart
    stream     BLOB NOT NULL,       -- stream that brought this copy
    body       BLOB NOT NULL,       -- the op alone (docs/wire.md §4, standalone payload), author and generation those of the op id
    seconds    INTEGER NOT NULL,    -- claimed unix seconds
    hidden     BLOB NOT NULL,       -- field ids (varints) that the stream should not have carried; they are not shown
    PRIMARY KEY (record, device, generation, counter, tag, stream)
) STRICT, WITHOUT ROWID;

-- Which own op stands at which number of which own chain.
CREATE TABLE own_ops (
    stream     BLOB NOT NULL,       -- chain: stream
    generation BLOB NOT NULL,       -- chain: generation (after a fork not the op's own)
    seq        INTEGER NOT NULL,    -- number in the chain
    record     BLOB NOT NULL,       -- record of the op
    op         BLOB NOT NULL,       -- op id: device 16, generation 8, counter 8 big-endian, tag 4
    sent       INTEGER NOT NULL,    -- 1: the hub's receipt for the segment that holds it is kept
    PRIMARY KEY (stream, generation, seq)
) STRICT, WITHOUT ROWID;

-- What is not yet on the hub.
CREATE INDEX own_ops_unsent ON own_ops (record) WHERE sent = 0;

-- One row for each record: what a list needs, derived from ops, remade when one of them changes.
CREATE TABLE records (
    record    BLOB PRIMARY KEY,     -- record id
    kind      TEXT NOT NULL,        -- form id of the schema that the record's newest op names
    created   INTEGER NOT NULL,     -- claimed unix seconds of the op that creates it (or the oldest op held)
    updated   INTEGER NOT NULL,     -- claimed unix seconds of the newest op
    home      BLOB,                 -- home stream, if a copy from it is held
    conflicts INTEGER NOT NULL,     -- cells with more than one live value
    facts     TEXT NOT NULL         -- JSON object: field name to stored value, of title and coarse fields
) STRICT, WITHOUT ROWID;

-- The list in its order.
CREATE INDEX records_updated ON records (kind, updated);

-- Sealed segments: own and received, byte for byte.
CREATE TABLE segments (
    stream     BLOB NOT NULL,       -- stream id
    author     BLOB NOT NULL,       -- device id
    generation BLOB NOT NULL,       -- the author's generation
    first      INTEGER NOT NULL,    -- number of the first op
    count      INTEGER NOT NULL,    -- ops in it
    hash       BLOB NOT NULL,       -- SHA-256 of the bytes
    state      TEXT NOT NULL,       -- frame, published, receipted, quarantined (own); read, waiting, bad (received); dropped (own, replaced after a fork)
    reason     TEXT,                -- why it waits or is bad, or why the hub refused it: a fixed word
    position   INTEGER,             -- the hub's position in the stream, once known
    noted      INTEGER NOT NULL,    -- unix seconds when it was written or received
    bytes      BLOB NOT NULL,       -- canonical bytes (docs/wire.md §4)
    PRIMARY KEY (stream, author, generation, first, hash)
) STRICT, WITHOUT ROWID;

-- What is to be sent or read again.
CREATE INDEX segments_open ON segments (state) WHERE state IN ('frame', 'published', 'waiting');

-- Receipts name segments by their hash.
CREATE INDEX segments_hash ON segments (hash);

-- How far each stream has been read.
CREATE TABLE cursors (
    stream   BLOB PRIMARY KEY,      -- stream id
    position INTEGER NOT NULL,      -- hub position held
    status   INTEGER NOT NULL       -- last status the hub gave for the stream (docs/wire.md §7)
) STRICT, WITHOUT ROWID;

-- The hub's receipts as kept: the proof of "sent".
CREATE TABLE receipts (
    number INTEGER PRIMARY KEY,     -- number of the request
    bytes  BLOB NOT NULL            -- docs/wire.md §7
) STRICT;

-- Form sessions that have not been finished.
CREATE TABLE drafts (
    draft   BLOB PRIMARY KEY,       -- random, 8 bytes
    kind    TEXT NOT NULL,          -- form id
    record  BLOB,                   -- the record that is edited; none for a new one
    base    BLOB NOT NULL,          -- ids of the ops known when the edit began: 36 bytes each, as in own_ops
    started INTEGER NOT NULL,       -- unix seconds
    updated INTEGER NOT NULL        -- unix seconds of the last answer
) STRICT, WITHOUT ROWID;

-- The answers of a draft, newest value of each cell.
CREATE TABLE draft_cells (
    draft BLOB NOT NULL REFERENCES drafts (draft) ON DELETE CASCADE, -- the draft
    rows  BLOB NOT NULL,            -- row ids of the path, 8 bytes each
    field INTEGER NOT NULL,         -- field id; a repeat's own field stands for the row
    value BLOB,                     -- the value as the draft log writes it; none: cleared, or row removed
    seq   INTEGER NOT NULL,         -- order of the steps: rows keep the order in which they were added
    PRIMARY KEY (draft, rows, field)
) STRICT, WITHOUT ROWID;
