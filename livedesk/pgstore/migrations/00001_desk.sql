-- Times are bigint, microseconds since 1970 UTC: exact, the same as in the other stores, and free of time zones,
-- infinities and the driver's text format. A time that may be missing is NULL. Lists and maps are jsonb, NULL when nil.
-- Every key leads with the workspace. Text that is compared or ordered is COLLATE "C": byte by byte, whatever the
-- database's locale. {{schema}} is the quoted name of the schema.

-- +goose Up
CREATE TABLE {{schema}}.contacts (
	workspace   text COLLATE "C" NOT NULL,
	id          text COLLATE "C" NOT NULL,
	address     text COLLATE "C" NOT NULL,
	name        text NOT NULL DEFAULT '',
	external_id text NOT NULL DEFAULT '',
	language    text NOT NULL DEFAULT '',
	zone        text NOT NULL DEFAULT '',
	country     text NOT NULL DEFAULT '',
	attributes  jsonb,
	labels      jsonb,
	created_at  bigint NOT NULL,
	version     bigint NOT NULL,
	PRIMARY KEY (workspace, id)
);
CREATE UNIQUE INDEX contacts_address ON {{schema}}.contacts (workspace, address);

CREATE TABLE {{schema}}.threads (
	workspace       text COLLATE "C" NOT NULL,
	channel         text COLLATE "C" NOT NULL,
	contact         text COLLATE "C" NOT NULL,
	conversation    text COLLATE "C" NOT NULL DEFAULT '',
	opted_out       boolean NOT NULL DEFAULT false,
	consent_since   bigint,
	consent_source  text NOT NULL DEFAULT '',
	consent_keyword text NOT NULL DEFAULT '',
	consents        jsonb, -- the ledger's changes
	consents_lost   bigint NOT NULL DEFAULT 0, -- how many older ones aren't kept
	automatic       bigint NOT NULL DEFAULT 0,
	ai_next         bigint,
	version         bigint NOT NULL,
	PRIMARY KEY (workspace, contact, channel)
);

-- The opt-out ledger: nearly no thread is in it.
CREATE INDEX threads_consented ON {{schema}}.threads (workspace, channel, contact) WHERE consent_since IS NOT NULL;

-- What came in, remembered until it is pruned: a replay is stopped by this table and not by what became of the message.
CREATE TABLE {{schema}}.arrivals (
	workspace text COLLATE "C" NOT NULL,
	channel   text COLLATE "C" NOT NULL,
	key       text COLLATE "C" NOT NULL,
	day       bigint NOT NULL, -- since 1970, UTC: so coarse that the index below has few different entries, and grows at its end
	PRIMARY KEY (workspace, channel, key)
);
CREATE INDEX arrivals_day ON {{schema}}.arrivals (workspace, day);

CREATE TABLE {{schema}}.conversations (
	workspace         text COLLATE "C" NOT NULL,
	id                text COLLATE "C" NOT NULL,
	channel           text COLLATE "C" NOT NULL,
	contact           text COLLATE "C" NOT NULL,
	address           text NOT NULL,
	state             text COLLATE "C" NOT NULL,
	-- true while live, NULL when resolved: the unique key below then holds one live conversation per contact and channel.
	live_key          boolean,
	before            text NOT NULL DEFAULT '',
	snooze_until      bigint,
	cycle             bigint NOT NULL,
	assignee          text COLLATE "C" NOT NULL DEFAULT '',
	ai                text NOT NULL DEFAULT '',
	ai_turn           bigint NOT NULL DEFAULT 0,
	handed_over       bigint NOT NULL DEFAULT 0,
	queue             text COLLATE "C",
	queued_at         bigint,
	needs             text NOT NULL DEFAULT '',
	priority          bigint NOT NULL DEFAULT 0,
	labels            jsonb,
	attributes        jsonb,
	external_id       text NOT NULL DEFAULT '',
	created_at        bigint NOT NULL,
	active_at         bigint NOT NULL,
	waiting_since     bigint,
	waits             boolean NOT NULL DEFAULT false, -- waiting_since is given: indexes hold this one, which moves seldom
	first_response_at bigint,
	resolved_at       bigint,
	resolved_by_kind  text NOT NULL DEFAULT '',
	resolved_by_id    text NOT NULL DEFAULT '',
	reopen_until      bigint,
	last_seq          bigint NOT NULL DEFAULT 0,
	unread            bigint NOT NULL DEFAULT 0,
	unseen            boolean NOT NULL DEFAULT false, -- unread > 0, likewise
	preview           text NOT NULL DEFAULT '',
	version           bigint NOT NULL
) WITH (fillfactor = 85);
-- Where a workspace is as good as a key for the planner (one of many small ones, or before anything was analyzed), it takes
-- of two indexes that both begin with it the younger one: the key, which finds one row, and not this one, which finds all.
CREATE UNIQUE INDEX conversations_live_key ON {{schema}}.conversations (workspace, contact, channel, live_key);
ALTER TABLE {{schema}}.conversations ADD PRIMARY KEY (workspace, id);
CREATE INDEX conversations_waiting ON {{schema}}.conversations (workspace, waiting_since, id) WHERE waiting_since IS NOT NULL;
-- The line of a queue: priority first, then the longest waiting.
CREATE INDEX conversations_queue ON {{schema}}.conversations (workspace, queue, priority DESC, queued_at, id) WHERE queue IS NOT NULL;
-- The live ones: badges, an agent's load, and what is nobody's.
CREATE INDEX conversations_live ON {{schema}}.conversations (workspace, assignee, state, channel, waits, unseen) WHERE live_key;

-- Conversations by activity, with what lists ask for. It moves with every message, so it is a table of its own, a narrow
-- one: no index of conversations has active_at, and an ordinary message then changes none of them (a heap-only update).
CREATE TABLE {{schema}}.inbox (
	workspace    text COLLATE "C" NOT NULL,
	state        text COLLATE "C" NOT NULL,
	active_at    bigint NOT NULL,
	conversation text COLLATE "C" NOT NULL,
	channel      text COLLATE "C" NOT NULL,
	assignee     text COLLATE "C" NOT NULL,
	unseen       boolean NOT NULL,
	PRIMARY KEY (workspace, state, active_at, conversation)
) WITH (fillfactor = 85);
-- The history, where a rare filter must not walk all of it.
CREATE INDEX inbox_done_channel ON {{schema}}.inbox (workspace, channel, active_at, conversation) WHERE state = 'resolved';
CREATE INDEX inbox_done_assignee ON {{schema}}.inbox (workspace, assignee, active_at, conversation) WHERE state = 'resolved';
CREATE INDEX inbox_done_unread ON {{schema}}.inbox (workspace, active_at, conversation) WHERE state = 'resolved' AND unseen;

CREATE TABLE {{schema}}.messages (
	workspace    text COLLATE "C" NOT NULL,
	id           text COLLATE "C" NOT NULL,
	conversation text COLLATE "C" NOT NULL,
	channel      text COLLATE "C" NOT NULL,
	contact      text COLLATE "C" NOT NULL,
	seq          bigint NOT NULL,
	kind         text COLLATE "C" NOT NULL,
	class        text NOT NULL DEFAULT '',
	by_kind      text NOT NULL DEFAULT '',
	by_id        text NOT NULL DEFAULT '',
	text         text NOT NULL DEFAULT '',
	media        jsonb,
	others       jsonb,
	key          text COLLATE "C",
	provider_id  text COLLATE "C",
	at           bigint NOT NULL,
	provider_at  bigint,
	resend_of    text COLLATE "C",
	activity     jsonb,
	delivery     text COLLATE "C", -- the state; NULL where there is no delivery, and then all that follows is empty
	-- What a text counts as: 'queued' while nothing has begun to leave, 'unknown' while its outcome is awaited, 'unconfirmed',
	-- else NULL. Indexes have this one, and not the state: it moves with the due time, which an index has as well.
	stage        text COLLATE "C",
	rank         bigint NOT NULL DEFAULT 0,
	due          bigint,
	expires      bigint,
	fence        bigint NOT NULL DEFAULT 0,
	attempts     bigint NOT NULL DEFAULT 0,
	segments     bigint NOT NULL DEFAULT 0,
	code         text NOT NULL DEFAULT '',
	reason       text NOT NULL DEFAULT '',
	history      jsonb,
	version      bigint NOT NULL,
	PRIMARY KEY (workspace, id)
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX messages_seq ON {{schema}}.messages (workspace, conversation, seq);
CREATE UNIQUE INDEX messages_key ON {{schema}}.messages (workspace, conversation, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX messages_provider ON {{schema}}.messages (workspace, channel, provider_id)
	WHERE provider_id IS NOT NULL AND kind = 'outgoing';
-- The outbox, over all workspaces, in the order of the claim; the same by sender, for those whose budget is spent; and
-- what stands before a text in its conversation. Partial indexes, which CockroachDB and YugabyteDB have too.
CREATE INDEX messages_outbox ON {{schema}}.messages (rank, due, id) WHERE due IS NOT NULL;
CREATE INDEX messages_sender ON {{schema}}.messages (workspace, channel, rank, due, id) WHERE due IS NOT NULL;
CREATE INDEX messages_unfinished ON {{schema}}.messages (workspace, conversation, seq) WHERE due IS NOT NULL;
CREATE INDEX messages_unsent ON {{schema}}.messages (workspace, channel, contact) WHERE stage = 'queued';
-- What waits in a channel, for its health: the oldest first.
CREATE INDEX messages_stage ON {{schema}}.messages (workspace, channel, stage, at) WHERE stage IS NOT NULL;

CREATE TABLE {{schema}}.agents (
	workspace      text COLLATE "C" NOT NULL,
	id             text COLLATE "C" NOT NULL,
	name           text NOT NULL DEFAULT '',
	skills         jsonb,
	languages      jsonb,
	capacity       bigint NOT NULL DEFAULT 0,
	presence       text NOT NULL DEFAULT '',
	presence_until bigint,
	outside_load   bigint NOT NULL DEFAULT 0,
	version        bigint NOT NULL,
	PRIMARY KEY (workspace, id)
) WITH (fillfactor = 50);

-- A queue of version 0 is a lock and nothing else: somebody asked for a queue that nobody has written yet.
CREATE TABLE {{schema}}.queues (
	workspace text COLLATE "C" NOT NULL,
	id        text COLLATE "C" NOT NULL,
	count     bigint NOT NULL DEFAULT 0,
	members   jsonb,
	version   bigint NOT NULL,
	PRIMARY KEY (workspace, id)
) WITH (fillfactor = 50);

-- Which queues an agent is a member of; the members themselves are in queues.members.
CREATE TABLE {{schema}}.queue_agents (
	workspace text COLLATE "C" NOT NULL,
	agent     text COLLATE "C" NOT NULL,
	queue     text COLLATE "C" NOT NULL,
	PRIMARY KEY (workspace, agent, queue)
);
CREATE INDEX queue_agents_queue ON {{schema}}.queue_agents (workspace, queue);

-- How far senders have spent what they may hand to their carriers. One of version 0 is a lock and nothing else.
CREATE TABLE {{schema}}.budgets (
	workspace text COLLATE "C" NOT NULL,
	channel   text COLLATE "C" NOT NULL,
	next      bigint,
	version   bigint NOT NULL,
	PRIMARY KEY (workspace, channel)
) WITH (fillfactor = 50);

CREATE TABLE {{schema}}.jobs (
	workspace text COLLATE "C" NOT NULL,
	key       text COLLATE "C" NOT NULL,
	kind      text NOT NULL,
	subject   text NOT NULL DEFAULT '',
	due       bigint NOT NULL,
	fence     bigint NOT NULL,
	attempts  bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (workspace, key)
);
CREATE INDEX jobs_due ON {{schema}}.jobs (due, workspace, key);
-- Those that fail: what is done at the first attempt is never in it.
CREATE INDEX jobs_tried ON {{schema}}.jobs (attempts) WHERE attempts > 1;

CREATE TABLE {{schema}}.objects (
	workspace text COLLATE "C" NOT NULL,
	kind      text COLLATE "C" NOT NULL,
	id        text COLLATE "C" NOT NULL,
	key       text COLLATE "C",
	data      bytea, -- JSON, kept to the byte
	deleted   boolean NOT NULL DEFAULT false,
	version   bigint NOT NULL,
	revision  bigint NOT NULL,
	PRIMARY KEY (workspace, kind, id)
);
CREATE UNIQUE INDEX objects_key ON {{schema}}.objects (kind, key);
CREATE UNIQUE INDEX objects_revision ON {{schema}}.objects (revision);

-- The row whose lock makes revisions be committed in the order in which they are given.
CREATE TABLE {{schema}}.counters (
	name  text COLLATE "C" NOT NULL PRIMARY KEY,
	value bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO {{schema}}.counters (name, value) VALUES ('revision', 0);

-- +goose Down
DROP TABLE {{schema}}.counters;
DROP TABLE {{schema}}.objects;
DROP TABLE {{schema}}.jobs;
DROP TABLE {{schema}}.budgets;
DROP TABLE {{schema}}.queue_agents;
DROP TABLE {{schema}}.queues;
DROP TABLE {{schema}}.agents;
DROP TABLE {{schema}}.messages;
DROP TABLE {{schema}}.inbox;
DROP TABLE {{schema}}.conversations;
DROP TABLE {{schema}}.arrivals;
DROP TABLE {{schema}}.threads;
DROP TABLE {{schema}}.contacts;
