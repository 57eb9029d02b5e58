-- Times are microseconds since 1970, UTC. A time that may be missing is NULL. Lists and maps are JSON, NULL when nil.
-- Every key leads with the workspace. Wide rows have a rowid (a WITHOUT ROWID tree holds whole rows in its inner
-- pages), narrow ones are their primary key.

-- +goose Up
CREATE TABLE contacts (
	workspace   TEXT NOT NULL,
	id          TEXT NOT NULL,
	address     TEXT NOT NULL,
	name        TEXT NOT NULL DEFAULT '',
	external_id TEXT NOT NULL DEFAULT '',
	language    TEXT NOT NULL DEFAULT '',
	zone        TEXT NOT NULL DEFAULT '',
	country     TEXT NOT NULL DEFAULT '',
	attributes  TEXT,
	labels      TEXT,
	created_at  INTEGER NOT NULL,
	version     INTEGER NOT NULL,
	UNIQUE (id, workspace),
	UNIQUE (address, workspace)
) STRICT;

CREATE TABLE threads (
	workspace       TEXT NOT NULL,
	channel         TEXT NOT NULL,
	contact         TEXT NOT NULL,
	conversation    TEXT NOT NULL DEFAULT '',
	opted_out       INTEGER NOT NULL DEFAULT 0,
	consent_since   INTEGER,
	consent_source  TEXT NOT NULL DEFAULT '',
	consent_keyword TEXT NOT NULL DEFAULT '',
	consents        TEXT, -- the ledger's changes
	consents_lost   INTEGER NOT NULL DEFAULT 0, -- how many older ones aren't kept
	automatic       INTEGER NOT NULL DEFAULT 0,
	ai_next         INTEGER,
	version         INTEGER NOT NULL,
	PRIMARY KEY (contact, channel, workspace)
) STRICT, WITHOUT ROWID;

-- The opt-out ledger: nearly no thread is in it.
CREATE INDEX threads_consented ON threads (workspace, channel, contact) WHERE consent_since IS NOT NULL;

-- What came in, remembered until it is pruned: a replay is stopped by this table and not by what became of the message.
CREATE TABLE arrivals (
	workspace TEXT NOT NULL,
	channel   TEXT NOT NULL,
	key       TEXT NOT NULL,
	day       INTEGER NOT NULL, -- since 1970, UTC: so coarse that entries of the index below follow one another
	PRIMARY KEY (key, channel, workspace)
) STRICT, WITHOUT ROWID;

CREATE INDEX arrivals_day ON arrivals (workspace, day);

CREATE TABLE conversations (
	workspace         TEXT NOT NULL,
	id                TEXT NOT NULL,
	channel           TEXT NOT NULL,
	contact           TEXT NOT NULL,
	address           TEXT NOT NULL,
	state             TEXT NOT NULL,
	-- 1 while live, NULL when resolved: the unique key below then holds one live conversation per contact and channel.
	live              INTEGER,
	before            TEXT NOT NULL DEFAULT '',
	snooze_until      INTEGER,
	cycle             INTEGER NOT NULL,
	assignee          TEXT NOT NULL DEFAULT '',
	ai                TEXT NOT NULL DEFAULT '',
	ai_turn           INTEGER NOT NULL DEFAULT 0,
	handed_over       INTEGER NOT NULL DEFAULT 0,
	queue             TEXT,
	queued_at         INTEGER,
	needs             TEXT NOT NULL DEFAULT '',
	priority          INTEGER NOT NULL DEFAULT 0,
	labels            TEXT,
	attributes        TEXT,
	external_id       TEXT NOT NULL DEFAULT '',
	created_at        INTEGER NOT NULL,
	active_at         INTEGER NOT NULL,
	waiting_since     INTEGER,
	waits             INTEGER NOT NULL DEFAULT 0, -- 1 where waiting_since is given
	first_response_at INTEGER,
	resolved_at       INTEGER,
	resolved_by_kind  TEXT NOT NULL DEFAULT '',
	resolved_by_id    TEXT NOT NULL DEFAULT '',
	reopen_until      INTEGER,
	last_seq          INTEGER NOT NULL DEFAULT 0,
	unread            INTEGER NOT NULL DEFAULT 0,
	unseen            INTEGER NOT NULL DEFAULT 0, -- 1 while unread > 0: indexes hold this one, which moves seldom
	preview           TEXT NOT NULL DEFAULT '',
	version           INTEGER NOT NULL,
	UNIQUE (id, workspace),
	UNIQUE (contact, channel, live, workspace)
) STRICT;

-- The inbox: the only index that moves with every message.
CREATE INDEX conversations_active ON conversations (workspace, state, active_at, id);
CREATE INDEX conversations_waiting ON conversations (workspace, waiting_since, id) WHERE waiting_since IS NOT NULL;
-- The line of a queue: priority first, then the longest waiting.
CREATE INDEX conversations_queue ON conversations (workspace, queue, priority DESC, queued_at, id) WHERE queue IS NOT NULL;
-- The live ones: badges, an agent's load, and what is nobody's.
CREATE INDEX conversations_live ON conversations (workspace, assignee, state, channel, waits, unseen, live) WHERE live IS NOT NULL;
-- The history, where a rare filter must not walk all of it.
CREATE INDEX conversations_done_channel ON conversations (workspace, channel, active_at, id) WHERE state = 'resolved';
CREATE INDEX conversations_done_assignee ON conversations (workspace, assignee, active_at, id) WHERE state = 'resolved';
CREATE INDEX conversations_done_unread ON conversations (workspace, active_at, id) WHERE state = 'resolved' AND unseen = 1;

CREATE TABLE messages (
	workspace    TEXT NOT NULL,
	id           TEXT NOT NULL,
	conversation TEXT NOT NULL,
	channel      TEXT NOT NULL,
	contact      TEXT NOT NULL,
	seq          INTEGER NOT NULL,
	kind         TEXT NOT NULL,
	class        TEXT NOT NULL DEFAULT '',
	by_kind      TEXT NOT NULL DEFAULT '',
	by_id        TEXT NOT NULL DEFAULT '',
	text         TEXT NOT NULL DEFAULT '',
	media        TEXT,
	others       TEXT,
	key          TEXT,
	provider_id  TEXT,
	at           INTEGER NOT NULL,
	provider_at  INTEGER,
	resend_of    TEXT,
	activity     TEXT,
	delivery     TEXT, -- the state; NULL where there is no delivery, and then all that follows is empty
	rank         INTEGER NOT NULL DEFAULT 0,
	due          INTEGER,
	unfinished   INTEGER, -- 1 while there is a due time or nothing has left yet, else NULL: the index below then moves seldom
	stage        TEXT, -- what it counts as: 'queued', 'unknown', 'unconfirmed', else NULL
	expires      INTEGER,
	fence        INTEGER NOT NULL DEFAULT 0,
	attempts     INTEGER NOT NULL DEFAULT 0,
	segments     INTEGER NOT NULL DEFAULT 0,
	code         TEXT NOT NULL DEFAULT '',
	reason       TEXT NOT NULL DEFAULT '',
	history      TEXT,
	version      INTEGER NOT NULL,
	UNIQUE (id, workspace),
	UNIQUE (conversation, seq, workspace)
) STRICT;

CREATE UNIQUE INDEX messages_key ON messages (conversation, key, workspace) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX messages_provider ON messages (provider_id, channel, workspace) WHERE provider_id IS NOT NULL AND kind = 'outgoing';
-- The outbox, over all workspaces, in the order of the claim; the same by sender, for those whose budget is spent; and
-- what stands before a text in its conversation.
CREATE INDEX messages_outbox ON messages (rank, due, id) WHERE due IS NOT NULL;
CREATE INDEX messages_sender ON messages (workspace, channel, rank, due, id) WHERE due IS NOT NULL;
CREATE INDEX messages_unfinished ON messages (conversation, seq, workspace) WHERE unfinished IS NOT NULL;
-- What waits in a channel, for its health: the oldest first.
CREATE INDEX messages_stage ON messages (workspace, channel, stage, at) WHERE stage IS NOT NULL;

CREATE TABLE agents (
	workspace      TEXT NOT NULL,
	id             TEXT NOT NULL,
	name           TEXT NOT NULL DEFAULT '',
	skills         TEXT,
	languages      TEXT,
	capacity       INTEGER NOT NULL DEFAULT 0,
	presence       TEXT NOT NULL DEFAULT '',
	presence_until INTEGER,
	outside_load   INTEGER NOT NULL DEFAULT 0,
	version        INTEGER NOT NULL,
	PRIMARY KEY (workspace, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE queues (
	workspace TEXT NOT NULL,
	id        TEXT NOT NULL,
	count     INTEGER NOT NULL DEFAULT 0,
	members   TEXT,
	version   INTEGER NOT NULL,
	PRIMARY KEY (workspace, id)
) STRICT, WITHOUT ROWID;

-- Which queues an agent is a member of; the members themselves are in queues.members.
CREATE TABLE queue_agents (
	workspace TEXT NOT NULL,
	agent     TEXT NOT NULL,
	queue     TEXT NOT NULL,
	PRIMARY KEY (workspace, agent, queue)
) STRICT, WITHOUT ROWID;

-- How far a sender has spent what it may hand to its carrier.
CREATE TABLE budgets (
	workspace TEXT NOT NULL,
	channel   TEXT NOT NULL,
	next      INTEGER,
	version   INTEGER NOT NULL,
	PRIMARY KEY (workspace, channel)
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
	workspace TEXT NOT NULL,
	key       TEXT NOT NULL,
	kind      TEXT NOT NULL,
	subject   TEXT NOT NULL DEFAULT '',
	due       INTEGER NOT NULL,
	fence     INTEGER NOT NULL,
	attempts  INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (workspace, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX jobs_due ON jobs (due, workspace, key);
-- Those that fail: what is done at the first attempt is never in it.
CREATE INDEX jobs_tried ON jobs (attempts) WHERE attempts > 1;

CREATE TABLE objects (
	workspace TEXT NOT NULL,
	kind      TEXT NOT NULL,
	id        TEXT NOT NULL,
	key       TEXT,
	data      BLOB,
	deleted   INTEGER NOT NULL DEFAULT 0,
	version   INTEGER NOT NULL,
	revision  INTEGER NOT NULL,
	UNIQUE (workspace, kind, id),
	UNIQUE (kind, key),
	UNIQUE (revision)
) STRICT;

CREATE TABLE counters (
	name  TEXT NOT NULL PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO counters (name, value) VALUES ('revision', 0), ('fence', 0);

-- +goose Down
DROP TABLE counters;
DROP TABLE objects;
DROP TABLE jobs;
DROP TABLE budgets;
DROP TABLE queue_agents;
DROP TABLE queues;
DROP TABLE agents;
DROP TABLE messages;
DROP TABLE conversations;
DROP TABLE arrivals;
DROP TABLE threads;
DROP TABLE contacts;
