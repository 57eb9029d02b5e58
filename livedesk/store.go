package livedesk

import (
	"context"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

// Store keeps everything. Ours are memstore, sqlitestore and pgstore; a host can bring its own, and package storetest
// tells whether it keeps the contract that is written here.
//
// A Store is safe for concurrent use. Rows go in and out as copies: neither side ever changes the other's slices or
// maps. Strings keep every byte of valid UTF-8 without NUL (see [channel.Clean]). Times are kept in whole
// microseconds, UTC. Every key leads with the workspace. After it was closed, a Store answers [ErrClosed].
//
// The parts of the contract that are pure logic are methods of the rows and queries, for every Store to use: Clone, Keys
// and Over of the rows, [Message.Cancel], [Job.Lease] and [JobChange.Over], [Queue.Without], [Arrival.NewContact], Selects and
// Compare of the queries, [Counts.Add], [Claim.Budget], [Claim.Choose] and [Prune.Choose].
//
// Whoever stores rows as JSON beware: their JSON is made for clients. That of a [Message] leaves out [Delivery] Fence,
// without which a worker that lost a lease passes for its holder: keep it beside. Fences, and the counters behind those of
// jobs and behind the revisions of objects, must outlive the process like every row; see storetest.WithReopen.
type Store interface {
	// View runs fn with a consistent view that nobody waits for.
	View(ctx context.Context, fn func(ctx context.Context, tx ReadTx) error) error
	// Update runs fn once, in one transaction: all of its changes are kept, durably, when Update returns nil, and
	// none of them when fn returns an error (which Update returns as it is), panics (which goes on), or ctx ends
	// before the commit. [ErrSerialization] means that it was rolled back only because of others, and may be tried
	// again. When the outcome of a commit can't be known, the error is another one and wraps nothing of ours. What a
	// last Apply wrote may be checked only now: then the error is [ErrConflict] or [ErrExists].
	//
	// fn uses the ctx that it is given and no transaction but tx: View or Update on the same Store with that ctx
	// answer [ErrNested]. tx and ctx are dead when fn returns.
	Update(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error
}

// ReadTx reads. Inside Update the threads, conversations, messages, queues and agents of Threads, TakeIn, Messages, Queues
// and Claim, and what Senders and ClaimJobs return, are locked until the transaction ends: nobody else changes these rows
// meanwhile, and what is read is the newest. Contacts and objects aren't locked: their Version guards them. Inside View
// nothing is locked.
//
// To be free of deadlocks a transaction calls them in this order, each with all its keys at once: Claim or ClaimJobs
// or Prune or TakeIn, Threads, Messages, Senders, Queues (by workspace; again only for more of those who wait in queues that it
// has locked), and last Apply. Stores sort keys before they lock.
//
// Results stand in the order of the keys; what doesn't exist is a zero value (test its ID), never an error.
type ReadTx interface {
	// Now is the store's clock, the same during a transaction, in whole microseconds UTC. All due times and leases
	// are set and compared with it, so that a machine with a wrong clock steals nothing. Before the first other verb it
	// may cost a round trip, after it none.
	Now() time.Time
	// Objects returns configuration objects.
	Objects(ctx context.Context, q ObjectQuery) ([]Object, error)
	// Threads loads threads with their contact and conversation.
	Threads(ctx context.Context, keys []ThreadKey) ([]LoadedThread, error)
	// Messages loads single messages.
	Messages(ctx context.Context, keys []MessageKey) ([]Message, error)
	// Queues loads the queues of q.IDs (an unknown one is empty, and is locked all the same) and those that have
	// one of q.Agents as a member, each once, sorted by id, with the first q.Heads of those that wait; and with them
	// the agents who are members of these queues, those of q.Agents and those of q.Loads, each once, sorted by id,
	// without those that don't exist. Waiting conversations that somebody else has locked are passed over.
	Queues(ctx context.Context, q QueueQuery) (Roster, error)
	// Agents loads agents of one workspace by id, without locking them; with ids nil all of them, ordered by id.
	Agents(ctx context.Context, workspace string, ids []string) ([]Agent, error)
	// Conversations lists conversations, a page at a time. Of equal times the higher id comes first in LatestActivity,
	// the lower in LongestWaiting. With IDs the result is sorted by id, without those that don't exist.
	Conversations(ctx context.Context, q ConversationQuery) ([]Conversation, error)
	// Counts counts live conversations for an inbox's badges.
	Counts(ctx context.Context, q CountQuery) (Counts, error)
	// Timeline lists a conversation's entries by Seq.
	Timeline(ctx context.Context, q TimelineQuery) ([]Message, error)
	// Consents lists threads that ever had a change of consent, a page at a time, without locking them.
	Consents(ctx context.Context, q ConsentQuery) ([]Thread, error)
	// Contacts loads contacts of one workspace by id.
	Contacts(ctx context.Context, workspace string, ids []string) ([]Contact, error)
}

// Tx reads, locks and writes.
type Tx interface {
	ReadTx
	// TakeIn remembers the keys of what came in, sees to it that each arrival's contact and thread exist, and loads them as
	// Threads does; it reports for each whether its key is new. Of equal keys in one call the first is new. A key counts
	// within (workspace, channel) until it is pruned, whatever happens to the message. An arrival without key only makes its contact
	// and thread, and is new when it made the contact. [Arrival.NewContact] is used when the address is unknown in the
	// workspace; else the known one stays as it is.
	TakeIn(ctx context.Context, arrivals []Arrival) ([]Arrived, error)
	// Apply writes all of c, or fails: [ErrConflict] when a row's Version isn't the stored one, [ErrExists] when a unique
	// key or id is taken. It is the last verb of its transaction, which ends with a failure of Apply's: a store may as well
	// send c together with its commit, and answer from Update what it would have answered here.
	Apply(ctx context.Context, c Changes) error
	// Claim finds outgoing texts that are due, see [Claim].
	Claim(ctx context.Context, c Claim) ([]DueText, error)
	// Senders loads the budgets of senders; one that has none yet is zero but for its Sender, and is locked all the same.
	Senders(ctx context.Context, keys []Sender) ([]Budget, error)
	// ClaimJobs leases jobs that are due, the longest due first: each gets a higher Fence and a Due of now+lease.
	// Jobs that somebody else has locked are passed over. limit is at least 1.
	ClaimJobs(ctx context.Context, limit int, lease time.Duration) ([]Job, error)
	// Prune deletes one slice of what is old, see [Prune]: the longest inactive conversations first, of each the oldest
	// messages first, and a conversation with its last message; then its thread, whose Version grows, has no Conversation
	// any more. A conversation or thread that somebody else has locked is passed over, and where a message is locked those
	// behind it stay too, so that what is left has no gap. It waits for nobody, and what it deletes is locked until the
	// transaction ends.
	Prune(ctx context.Context, p Prune) (Pruned, error)
}

// ThreadKey names a thread by channel and address, or by one of its conversations.
type ThreadKey struct {
	Workspace    string
	Channel      string          // with Address
	Address      channel.Address // with Channel
	Conversation string          // alone
}

// LoadedThread is a thread with what belongs to it. Contact.ID is empty when there is none.
type LoadedThread struct {
	Contact Contact
	Thread  Thread
	// Current is the conversation that Thread.Conversation names; nil before the first, and when that was pruned.
	Current *Conversation
	// Asked is the conversation that the key named; nil when it named none.
	Asked *Conversation
}

// MessageKey names a message by id, or by its carrier's id on a channel, or by its key in a conversation. ProviderID
// finds outgoing messages only: what comes in is known by the keys of TakeIn.
type MessageKey struct {
	Workspace    string
	ID           string // alone
	Channel      string // with ProviderID
	ProviderID   string // with Channel
	Conversation string // with Key
	Key          string // with Conversation
}

// QueueQuery selects queues of one workspace.
type QueueQuery struct {
	Workspace string
	IDs       []string
	Agents    []string
	Loads     []string // agents to load without their queues
	Heads     int      // how many waiting conversations of each; 0 means none, and then [Queue] More is false: nobody looked
	Without   []Alike  // those who are passed over: as if they didn't wait
}

// Alike are conversations in a line that whoever could take one could take: those of a channel with the same Needs, or, where
// Needs is empty, all of the channel's, since who can't take one that needs nothing can't take any.
type Alike struct {
	Channel string
	Needs   Needs
}

// Key is one text for it, with which a statement can compare: the channel, and where something is needed a line feed, which
// no id has, and the needs.
func (a Alike) Key() string {
	if a.Needs == "" {
		return a.Channel
	}
	return a.Channel + "\n" + string(a.Needs)
}

// Roster is what Queues found.
type Roster struct {
	Queues []Queue
	Agents []Agent
}

// Order is how a list of conversations is ordered.
type Order string

// The orders.
const (
	LatestActivity Order = ""        // ActiveAt, newest first
	LongestWaiting Order = "waiting" // WaitingSince, oldest first; only those where the customer waits
)

// ConversationQuery selects conversations of one workspace. Empty fields select all; given ones must all hold.
type ConversationQuery struct {
	Workspace  string
	IDs        []string // these only, in the order of ID; then Order, After and Limit don't count
	States     []State
	Channel    string
	Contact    string
	Assignee   string // human agent
	Unassigned bool   // nobody's
	Unread     bool
	Order      Order
	// After continues behind the conversation with this order time and id; nil starts at the beginning.
	After *Mark
	Limit int // 1 to 1000
}

// Mark is a place in an ordered list.
type Mark struct {
	At time.Time
	ID string
}

// CountQuery selects what is counted: all of a workspace, or one channel's.
type CountQuery struct {
	Workspace string
	Channel   string
	Agent     string // whose conversations Mine counts
}

// Counts is an inbox's badges, of live conversations only.
type Counts struct {
	Open       int `json:"open"`
	Pending    int `json:"pending"`
	Snoozed    int `json:"snoozed"`
	Unassigned int `json:"unassigned"` // open and nobody's
	Waiting    int `json:"waiting"`    // open, with a customer who waits for an answer
	Unread     int `json:"unread"`     // live, with unread messages
	Mine       int `json:"mine"`       // open and CountQuery.Agent's
}

// TimelineQuery selects entries of one conversation with After < Seq, and Seq < Before unless Before is 0; the oldest
// first, or with Last the newest Limit of them, still oldest first.
type TimelineQuery struct {
	Workspace    string
	Conversation string
	After        int64
	Before       int64
	Last         bool
	Limit        int // 1 to 1000
}

// ConsentQuery selects threads of one workspace whose Consent has a Since, in the order of channel and contact, byte by
// byte. Empty fields select all; given ones must all hold.
type ConsentQuery struct {
	Workspace string
	Channel   string
	Contact   string // the contact's id
	// AfterChannel and AfterContact continue behind the thread of that name; both empty start at the beginning.
	AfterChannel, AfterContact string
	Limit                      int // 1 to 1000
}

// Arrival is something that came in from an address, or a wish to write to one.
type Arrival struct {
	Workspace string
	Channel   string
	Key       string // unique per workspace and channel; empty for none. Derived from the carrier's id, at most 64 bytes
	Address   channel.Address
	Country   string // of the address, ISO 3166-1 alpha-2, as the carrier said; empty when unknown
}

// Arrived is what TakeIn answers about an arrival.
type Arrived struct {
	New bool
	LoadedThread
}

// Claim asks for outgoing texts to work on: those whose Delivery.Due is not after now and that have no earlier
// unfinished text (one with a Due) in their conversation; the lowest Class rank first, then the longest due.
// Nothing of them is changed: who claims them decides, and writes what became of them in the same transaction. Texts
// that somebody else has locked, or whose thread is locked, are passed over: a claim waits for nobody.
type Claim struct {
	Limit int // at least 1
	// PerSender is how many texts of one sender are taken at most; 0 means no limit. Senders overrides it for
	// single ones; there 0 takes none.
	PerSender int
	Senders   map[Sender]int
}

// DueText is a text that was claimed, with whom it goes to.
type DueText struct {
	Message Message
	Contact Contact
	Thread  Thread
}

// Sender is whose budget an outgoing text uses: its channel.
type Sender struct {
	Workspace string
	Channel   string
}

// Budget is how far a sender has spent what it may hand to its carrier, for all processes together.
type Budget struct {
	Sender
	// Next is when the sender's whole allowance is free again, by the generic cell rate algorithm (ITU-T I.371: the
	// theoretical arrival time). Zero for one that never sent.
	Next    time.Time
	Version int64
}

// Changes is everything that a transaction decided, row by row. A row with Version 0 is inserted (an Object also
// over its tombstone); any other replaces the stored row of that Version; either way the stored Version becomes one more.
// Rows of one kind are unique by id. Of one kind they are written in order, so that a live conversation can be resolved
// and another begun at once; kinds are written in the order below. An agent's Load is the store's own count, whatever is
// written.
//
// The stores hold these keys unique: contacts by (workspace, address); conversations by (workspace, channel, contact)
// while live; messages by (workspace, conversation, seq), by (workspace, conversation, key) where there is a key, and
// outgoing ones by (workspace, channel, provider id) where there is one; objects by (kind, key) where there is one. They are
// checked row by row, in the order of the slices: who gives a key up must stand before who takes it, or all of c is refused
// with [ErrExists]; only an insert may be let pass that stands before the row that makes room for it. [RowKey] has the keys
// as values.
type Changes struct {
	Contacts      []Contact
	Threads       []Thread // never inserted: TakeIn makes them
	Conversations []Conversation
	Messages      []Message
	// Deliveries are messages that exist, of which nothing but ProviderID and Delivery changed; a store may leave the
	// rest alone. They are written as Messages are, behind these.
	Deliveries []Message
	Agents     []Agent
	// Queues are written with Count and Members (the whole list); Waiting doesn't count. One that is empty may be
	// forgotten by the store.
	Queues []Queue
	// DeletedAgents go by workspace and id, and their places in queues with them: also those that Queues has just written.
	DeletedAgents []Agent
	// Budgets are inserted or replaced like any row.
	Budgets []Budget
	// Cancels takes back texts that have not begun to leave: Queued and Claimed become Canceled with the Reason, a
	// History note at Now, no Due, and a higher Fence and Version. It runs before Messages.
	Cancels []Cancel
	Jobs    []JobChange
	Objects []Object
}

// Cancel selects the queued and claimed texts of a thread.
type Cancel struct {
	Workspace string
	Channel   string
	Contact   string
	Reason    channel.Reason
}

// Job is something to do later. Its Key is unique in the workspace: scheduling it again moves it.
type Job struct {
	Workspace string
	Key       string // "snooze:ID"
	Kind      string
	Subject   string // id of what it is about
	Due       time.Time
	Fence     int64
	Attempts  int // claims so far
}

// JobChange schedules, moves or ends a job. With Fence 0 it is put in place whatever was there, with no attempts and a
// Fence that its key never had before, also before the job was last ended, or removed if Done; so a fence never repeats for
// a key, and a worker that comes late can do nothing. With another Fence it counts only if the stored job still has
// it: then it is moved to Due, or removed if Done.
type JobChange struct {
	Job
	Done bool
}

// Object is a piece of configuration, kept whole.
type Object struct {
	Workspace string
	Kind      string // "channel", "connection"
	ID        string
	Key       string // unique per kind over all workspaces where not empty (a webhook key)
	Data      []byte // JSON of the engine
	Deleted   bool   // kept as a tombstone, without Key and Data
	Version   int64
	// Revision is the store's count of changes to objects, over all workspaces; an object has that of its last
	// change. Whoever read up to revision n finds everything that is committed later behind n.
	Revision int64
}

// ObjectQuery selects objects: those of (Workspace, Kind, IDs), or of (Kind, Key), or all of every workspace behind a
// revision. Tombstones come with AfterRevision only.
type ObjectQuery struct {
	Workspace     string
	Kind          string
	IDs           []string // nil: all of the kind
	Key           string
	AfterRevision *int64 // then ordered by Revision, and at most Limit
	Limit         int    // with AfterRevision only; 0 means no limit
}

// A DurableStore says whether what it keeps outlives the process. A Store without this method counts as durable: then
// the engine wants a [Sealer] before it stores a credential.
type DurableStore interface{ Durable() bool }

// A CheckedStore can tell whether it is ready to serve: reachable, and of the right schema. Engine.Run asks first.
type CheckedStore interface {
	Check(ctx context.Context) error
}
