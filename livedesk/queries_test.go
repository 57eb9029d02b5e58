package livedesk_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func talk(id string) livedesk.Conversation {
	return livedesk.Conversation{
		Workspace: "main", ID: id, Channel: "ch", Contact: "zoe", State: livedesk.Open, Assignee: "ann", Unread: 1,
		ActiveAt: noon, WaitingSince: noon,
	}
}

// Each condition lets the conversation pass as it is, and not when the one field is otherwise.
func TestConversationQuerySelects(t *testing.T) {
	t.Parallel()
	all := livedesk.ConversationQuery{
		Workspace: "main", States: []livedesk.State{livedesk.Pending, livedesk.Open}, Channel: "ch", Contact: "zoe",
		Assignee: "ann", Unread: true, Order: livedesk.LongestWaiting,
	}
	require.True(t, all.Selects(talk("c")))
	require.True(t, livedesk.ConversationQuery{Workspace: "main"}.Selects(talk("c")), "empty fields select all")
	for name, spoil := range map[string]func(c *livedesk.Conversation){
		"workspace": func(c *livedesk.Conversation) { c.Workspace = "other" },
		"state":     func(c *livedesk.Conversation) { c.State = livedesk.Resolved },
		"channel":   func(c *livedesk.Conversation) { c.Channel = "other" },
		"contact":   func(c *livedesk.Conversation) { c.Contact = "other" },
		"assignee":  func(c *livedesk.Conversation) { c.Assignee = "" },
		"unread":    func(c *livedesk.Conversation) { c.Unread = 0 },
		"waiting":   func(c *livedesk.Conversation) { c.WaitingSince = time.Time{} },
	} {
		c := talk("c")
		spoil(&c)
		require.False(t, all.Selects(c), name)
	}
	nobodys := livedesk.ConversationQuery{Workspace: "main", Unassigned: true}
	require.False(t, nobodys.Selects(talk("c")))
	free := talk("c")
	free.Assignee = ""
	require.True(t, nobodys.Selects(free))
}

// With IDs neither Order nor After counts, but the conditions do.
func TestConversationQueryByID(t *testing.T) {
	t.Parallel()
	c := talk("b")
	c.WaitingSince = time.Time{}
	q := livedesk.ConversationQuery{
		Workspace: "main", IDs: []string{"b", "a"}, Order: livedesk.LongestWaiting, After: &livedesk.Mark{At: noon.Add(time.Hour), ID: "z"},
	}
	require.True(t, q.Selects(c))
	require.False(t, q.Selects(talk("x")))
	require.Negative(t, q.Compare(talk("a"), c))
	q.Channel = "other"
	require.False(t, q.Selects(c))
}

func TestConversationQueryOrders(t *testing.T) {
	t.Parallel()
	early, late, lateToo := talk("b"), talk("a"), talk("c")
	late.ActiveAt, lateToo.ActiveAt = noon.Add(time.Second), noon.Add(time.Second)
	late.WaitingSince, lateToo.WaitingSince = late.ActiveAt, late.ActiveAt
	for order, want := range map[livedesk.Order]string{livedesk.LatestActivity: "cab", livedesk.LongestWaiting: "bac"} {
		q := livedesk.ConversationQuery{Workspace: "main", Order: order}
		rows := []livedesk.Conversation{late, early, lateToo}
		slices.SortFunc(rows, q.Compare)
		require.Equal(t, want, rows[0].ID+rows[1].ID+rows[2].ID, "order %q", order)
		// Behind each place stand those that come later, whether the mark's conversation is there or not.
		for i, row := range rows {
			q.After = &livedesk.Mark{At: row.ActiveAt.Add(999 * time.Nanosecond), ID: row.ID}
			for j, other := range rows {
				require.Equal(t, j > i, q.Behind(other), "order %q: %s behind %s", order, other.ID, row.ID)
				require.Equal(t, j > i, q.Selects(other))
			}
		}
	}
	require.Zero(t, livedesk.ConversationQuery{}.Compare(early, early))
}

func TestCompareWaiting(t *testing.T) {
	t.Parallel()
	want := []livedesk.Conversation{
		{ID: "d", Priority: 1, QueuedAt: noon.Add(time.Hour)}, {ID: "b", QueuedAt: noon}, {ID: "c", QueuedAt: noon},
		{ID: "a", QueuedAt: noon.Add(time.Second)}, {ID: "0", Priority: -1},
	}
	for range 20 {
		got := slices.Clone(want)
		rand.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
		slices.SortFunc(got, livedesk.CompareWaiting)
		require.Equal(t, want, got)
	}
}

func TestCountsAdd(t *testing.T) {
	t.Parallel()
	mine, pending, snoozed, done := talk("a"), talk("b"), talk("c"), talk("d")
	pending.State, snoozed.State, done.State = livedesk.Pending, livedesk.Snoozed, livedesk.Resolved
	snoozed.Unread = 0
	free := talk("e")
	free.Assignee, free.WaitingSince = "", time.Time{}
	var n livedesk.Counts
	for _, c := range []livedesk.Conversation{mine, pending, snoozed, done, free} {
		n.Add(c, "ann")
		require.Equal(t, c.State != livedesk.Resolved, livedesk.CountQuery{Workspace: "main"}.Selects(c))
	}
	require.Equal(t, livedesk.Counts{Open: 2, Pending: 1, Snoozed: 1, Unassigned: 1, Waiting: 1, Unread: 3, Mine: 1}, n)
	n = livedesk.Counts{}
	n.Add(free, "")
	require.Zero(t, n.Mine, "nobody has none")
	require.True(t, livedesk.CountQuery{Workspace: "main", Channel: "ch"}.Selects(mine))
	require.False(t, livedesk.CountQuery{Workspace: "main", Channel: "other"}.Selects(mine))
	require.False(t, livedesk.CountQuery{Workspace: "other"}.Selects(mine))
}

func TestTimelineQuery(t *testing.T) {
	t.Parallel()
	q := livedesk.TimelineQuery{Workspace: "main", Conversation: "c", After: 2, Before: 5}
	for seq, want := range []bool{false, false, false, true, true, false} {
		require.Equal(t, want, q.Selects(livedesk.Message{Workspace: "main", Conversation: "c", Seq: int64(seq)}), "seq %d", seq)
	}
	require.False(t, q.Selects(livedesk.Message{Workspace: "other", Conversation: "c", Seq: 3}))
	require.False(t, q.Selects(livedesk.Message{Workspace: "main", Conversation: "other", Seq: 3}))
	q.Before = 0
	require.True(t, q.Selects(livedesk.Message{Workspace: "main", Conversation: "c", Seq: 1 << 60}))
	one, two := livedesk.Message{Seq: 1}, livedesk.Message{Seq: 2}
	require.Negative(t, q.Compare(one, two))
	q.Last = true
	require.Positive(t, q.Compare(one, two))
}

func TestObjectQuerySelects(t *testing.T) {
	t.Parallel()
	o := livedesk.Object{Workspace: "main", Kind: "channel", ID: "a", Key: "hook", Revision: 7}
	stone := livedesk.Object{Workspace: "main", Kind: "channel", ID: "b", Deleted: true, Revision: 8}
	for name, c := range map[string]struct {
		q           livedesk.ObjectQuery
		row, buried bool
	}{
		"a kind":            {livedesk.ObjectQuery{Workspace: "main", Kind: "channel"}, true, false},
		"another kind":      {livedesk.ObjectQuery{Workspace: "main", Kind: "connection"}, false, false},
		"another workspace": {livedesk.ObjectQuery{Workspace: "other", Kind: "channel"}, false, false},
		"ids":               {livedesk.ObjectQuery{Workspace: "main", Kind: "channel", IDs: []string{"b", "a"}}, true, false},
		"no ids":            {livedesk.ObjectQuery{Workspace: "main", Kind: "channel", IDs: []string{}}, false, false},
		"a key":             {livedesk.ObjectQuery{Kind: "channel", Key: "hook"}, true, false},
		"a key elsewhere":   {livedesk.ObjectQuery{Kind: "connection", Key: "hook"}, false, false},
		"behind 6":          {livedesk.ObjectQuery{AfterRevision: new(int64(6))}, true, true},
		"behind 7":          {livedesk.ObjectQuery{AfterRevision: new(int64(7))}, false, true},
	} {
		require.Equal(t, c.row, c.q.Selects(o), name)
		require.Equal(t, c.buried, c.q.Selects(stone), name)
	}
}

func TestQueueQuerySelects(t *testing.T) {
	t.Parallel()
	row := livedesk.Queue{Workspace: "main", ID: "team:a", Members: []livedesk.Member{{Agent: "ann"}, {Agent: "ben"}}}
	require.True(t, livedesk.QueueQuery{Workspace: "main", IDs: []string{"team:a"}}.Selects(row))
	require.True(t, livedesk.QueueQuery{Workspace: "main", Agents: []string{"zoe", "ben"}}.Selects(row))
	require.False(t, livedesk.QueueQuery{Workspace: "main", Agents: []string{"zoe"}}.Selects(row))
	require.False(t, livedesk.QueueQuery{Workspace: "other", IDs: []string{"team:a"}, Agents: []string{"ann"}}.Selects(row))
}

func text(conversation string, seq int64, state livedesk.DeliveryState, due time.Time) *livedesk.Message {
	return &livedesk.Message{
		Workspace: "main", ID: fmt.Sprint(conversation, seq), Conversation: conversation, Channel: "ch", Contact: "zoe", Seq: seq,
		Kind: livedesk.Outgoing, Class: livedesk.ClassHuman, Delivery: &livedesk.Delivery{State: state, Due: due},
	}
}

func TestClaimBudget(t *testing.T) {
	t.Parallel()
	ch, other := livedesk.Sender{Workspace: "main", Channel: "ch"}, livedesk.Sender{Workspace: "main", Channel: "other"}
	for want, c := range map[int]livedesk.Claim{
		9: {Limit: 9},
		4: {Limit: 9, PerSender: 4},
		3: {Limit: 3, PerSender: 4},
		7: {Limit: 9, PerSender: 4, Senders: map[livedesk.Sender]int{ch: 7}},
		0: {Limit: 9, PerSender: 4, Senders: map[livedesk.Sender]int{ch: 0}},
	} {
		require.Equal(t, want, c.Budget(ch))
	}
	require.Equal(t, 5, livedesk.Claim{Limit: 9, PerSender: 5, Senders: map[livedesk.Sender]int{ch: 0}}.Budget(other))
	require.Equal(t, 0, livedesk.Claim{Limit: 9, Senders: map[livedesk.Sender]int{ch: -1}}.Budget(ch))
}

func TestClaimChoose(t *testing.T) {
	t.Parallel()
	sent := text("a", 1, livedesk.Accepted, time.Time{})
	first, second := text("a", 2, livedesk.Queued, noon), text("a", 3, livedesk.Queued, noon.Add(-time.Hour))
	behind := text("b", 2, livedesk.Queued, noon)
	later := text("b", 1, livedesk.Unknown, noon.Add(time.Microsecond))
	urgent, older := text("c", 1, livedesk.Queued, noon), text("d", 1, livedesk.Claimed, noon.Add(-time.Minute))
	urgent.Class = livedesk.ClassConfirmation
	note := &livedesk.Message{Workspace: "main", Conversation: "d", Kind: livedesk.Note}
	texts := []*livedesk.Message{second, behind, first, later, note, urgent, older, sent}
	chosen := func(c livedesk.Claim) (ids []string) {
		for _, m := range c.Choose(texts, noon) {
			ids = append(ids, m.ID)
		}
		return ids
	}
	require.Equal(t, []string{"c1", "d1", "a2"}, chosen(livedesk.Claim{Limit: 9}))
	require.Equal(t, []string{"c1", "d1"}, chosen(livedesk.Claim{Limit: 2}))
	urgent.Channel = "other"
	require.Equal(t, []string{"c1", "d1"}, chosen(livedesk.Claim{Limit: 9, PerSender: 1}))
	require.Equal(t, []string{"d1", "a2"}, chosen(livedesk.Claim{Limit: 9, Senders: map[livedesk.Sender]int{{Workspace: "main", Channel: "other"}: 0}}))
}

// Choose takes of random texts what a claim that looks for one text at a time would take.
func TestClaimChooseOneByOne(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var texts []*livedesk.Message
		for i := range rng.IntN(30) {
			m := text(fmt.Sprint(rng.IntN(8), " "), int64(i), livedesk.Queued, noon.Add(time.Duration(rng.IntN(5)-3)*time.Second))
			m.Channel, m.Class = fmt.Sprint(rng.IntN(3)), []livedesk.Class{livedesk.ClassHuman, livedesk.ClassAI}[rng.IntN(2)]
			texts = append(texts, m)
		}
		c := livedesk.Claim{Limit: 1 + rng.IntN(6), PerSender: rng.IntN(3)}
		var want []*livedesk.Message
		for best := (*livedesk.Message)(nil); len(want) < c.Limit; best = nil {
			for _, m := range texts {
				if claimable(m, texts, want, c) && (best == nil || cmp.Or(
					cmp.Compare(m.Class.Rank(), best.Class.Rank()), m.Delivery.Due.Compare(best.Delivery.Due), cmp.Compare(m.ID, best.ID)) < 0) {
					best = m
				}
			}
			if best == nil {
				break
			}
			want = append(want, best)
		}
		require.Equal(t, want, c.Choose(texts, noon))
	}
}

func claimable(m *livedesk.Message, texts, taken []*livedesk.Message, c livedesk.Claim) bool {
	ofSender := 0
	for _, o := range taken {
		if o.Channel == m.Channel {
			ofSender++
		}
	}
	first := !slices.ContainsFunc(texts, func(o *livedesk.Message) bool { return o.Conversation == m.Conversation && o.Seq < m.Seq })
	return first && !m.Delivery.Due.After(noon) && !slices.Contains(taken, m) && (c.PerSender == 0 || ofSender < c.PerSender)
}

func TestCancelSelects(t *testing.T) {
	t.Parallel()
	c := livedesk.Cancel{Workspace: "main", Channel: "ch", Contact: "zoe", Reason: channel.ReasonOptOut}
	for _, s := range []livedesk.DeliveryState{
		livedesk.Queued, livedesk.Claimed, livedesk.Posting, livedesk.Accepted, livedesk.Sent, livedesk.Delivered, livedesk.Read,
		livedesk.Undelivered, livedesk.Failed, livedesk.Unknown, livedesk.Unconfirmed, livedesk.Canceled,
	} {
		revocable := s == livedesk.Queued || s == livedesk.Claimed
		m := *text("a", 1, s, noon)
		require.Equal(t, revocable, c.Selects(m), "%s", s)
		require.Equal(t, revocable, m.Cancel(noon, c.Reason), "%s", s)
	}
	m := *text("a", 1, livedesk.Queued, noon)
	for _, other := range []livedesk.Cancel{
		{Workspace: "other", Channel: "ch", Contact: "zoe"}, {Workspace: "main", Channel: "other", Contact: "zoe"},
		{Workspace: "main", Channel: "ch", Contact: "other"},
	} {
		require.False(t, other.Selects(m))
	}
	require.False(t, c.Selects(livedesk.Message{Workspace: "main", Channel: "ch", Contact: "zoe"}), "an incoming text")
}
