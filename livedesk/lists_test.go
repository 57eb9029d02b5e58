package livedesk_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// inbox is a world with conversations in every state: 0 to 9 open (0 to 4 with ada, 5 unread twice), 10 and 11 snoozed,
// 12 and 13 resolved, one minute apart.
func inbox(t *testing.T) *world {
	w := newWorld(t)
	w.bandwidthChannel(func(c *livedesk.Channel) { c.Assignment.Manual = true })
	w.agents(w.ch.ID, 0, "ada", "bo")
	for i := range 14 {
		w.advance(time.Minute)
		w.deliver(smstest.Text{From: addr(phone(i)), Body: fmt.Sprint(i)})
		c := w.live(phone(i))
		var err error
		switch {
		case i < 5:
			_, err = w.desk.Assign(w.ctx(), c.ID, "ada", host)
		case i == 10 || i == 11:
			_, err = w.desk.Snooze(w.ctx(), c.ID, host, time.Time{})
		case i > 11:
			_, err = w.desk.Resolve(w.ctx(), c.ID, host)
		}
		require.NoError(t, err)
	}
	return w
}

func numbersOf(list []livedesk.Conversation) []int {
	var out []int
	for _, c := range list {
		n := 0
		_, _ = fmt.Sscanf(string(c.Address), "+1415555%04d", &n)
		out = append(out, n)
	}
	return out
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	w := inbox(t)
	open := []livedesk.State{livedesk.Open}
	require.NoError(t, w.desk.MarkRead(w.ctx(), w.live(phone(3)).ID))
	for name, c := range map[string]struct {
		list livedesk.List
		want []int
	}{
		"all":             {livedesk.List{}, []int{13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
		"open":            {livedesk.List{States: open}, []int{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
		"two states":      {livedesk.List{States: []livedesk.State{livedesk.Snoozed, livedesk.Resolved}}, []int{13, 12, 11, 10}},
		"mine":            {livedesk.List{Assignee: "ada"}, []int{4, 3, 2, 1, 0}},
		"mine and unread": {livedesk.List{Assignee: "ada", Unread: true}, []int{4, 2, 1, 0}},
		"nobody's":        {livedesk.List{Unassigned: true, States: open}, []int{9, 8, 7, 6, 5}},
		"a stranger's":    {livedesk.List{Assignee: "zoe"}, nil},
		"a channel":       {livedesk.List{Channel: w.ch.ID, States: open, Assignee: "ada"}, []int{4, 3, 2, 1, 0}},
		"another channel": {livedesk.List{Channel: "none"}, nil},
		"a contact":       {livedesk.List{Contact: w.live(phone(7)).Contact}, []int{7}},
		"longest waiting": {livedesk.List{Order: livedesk.LongestWaiting, States: open}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
		"waiting, mine":   {livedesk.List{Order: livedesk.LongestWaiting, Assignee: "ada"}, []int{0, 1, 2, 3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, limit := range []int{0, 1, 2, 3, 1000} {
				c.list.Limit = limit
				require.Equal(t, c.want, numbersOf(w.all(c.list)), "pages of %d", limit)
			}
		})
	}
}

// Who was answered waits no more, and leaves the list of those who do.
func TestWaitingSinceAndUnread(t *testing.T) {
	t.Parallel()
	w := inbox(t)
	c := w.live(phone(0))
	require.Equal(t, 1, c.Unread)
	since := c.WaitingSince
	w.advance(time.Minute)
	w.text(phone(0), "are you there?")
	c = w.live(phone(0))
	require.Equal(t, 2, c.Unread)
	require.Equal(t, since, c.WaitingSince, "of the oldest without an answer")
	require.NoError(t, w.desk.MarkRead(w.ctx(), c.ID))
	require.Equal(t, since, w.live(phone(0)).WaitingSince, "reading is no answer")
	require.Zero(t, w.live(phone(0)).Unread)
	_, err := w.desk.Reply(w.ctx(), c.ID, livedesk.AgentActor("ada"), livedesk.Draft{Text: "yes"})
	require.NoError(t, err)
	c = w.live(phone(0))
	require.True(t, c.WaitingSince.IsZero())
	require.Equal(t, w.clock(), c.FirstResponseAt)
	require.NotContains(t, numbersOf(w.all(livedesk.List{Order: livedesk.LongestWaiting})), 0)
	require.Equal(t, 0, numbersOf(w.all(livedesk.List{Limit: 1}))[0], "the latest activity first")
}

func TestCounts(t *testing.T) {
	t.Parallel()
	w := inbox(t)
	n, err := w.desk.Counts(w.ctx(), livedesk.CountQuery{Agent: "ada", Workspace: "somebody else's"})
	require.NoError(t, err)
	require.Equal(t, livedesk.Counts{Open: 10, Snoozed: 2, Unassigned: 5, Waiting: 10, Unread: 12, Mine: 5}, n)
	n, err = w.desk.Counts(w.ctx(), livedesk.CountQuery{Channel: "none"})
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestPages(t *testing.T) {
	t.Parallel()
	w := inbox(t)
	p, err := w.desk.Conversations(w.ctx(), livedesk.List{Limit: 7})
	require.NoError(t, err)
	require.Len(t, p.Items, 7)
	require.NotEmpty(t, p.Next)
	last, err := w.desk.Conversations(w.ctx(), livedesk.List{Limit: 7, After: p.Next})
	require.NoError(t, err)
	require.Len(t, last.Items, 7)
	require.Empty(t, last.Next, "exactly two full pages")
	for _, limit := range []int{-1, 1001, 1 << 40} {
		_, err := w.desk.Conversations(w.ctx(), livedesk.List{Limit: limit})
		require.NotEmpty(t, field(t, err, "limit"))
	}
	_, err = w.desk.Conversations(w.ctx(), livedesk.List{Order: "sideways"})
	require.NotEmpty(t, field(t, err, "order"))
	_, err = w.desk.Conversations(w.ctx(), livedesk.List{Order: livedesk.LongestWaiting, After: p.Next})
	require.NotEmpty(t, field(t, err, "cursor"), "of another list")
	for _, c := range []livedesk.Cursor{"x", "!!", livedesk.Cursor(base64.RawURLEncoding.EncodeToString([]byte(`{"v":9,"t":1,"id":"x"}`)))} {
		_, err = w.desk.Conversations(w.ctx(), livedesk.List{After: c})
		require.NotEmpty(t, field(t, err, "cursor"))
	}
	errs := 0
	for _, err := range w.desk.AllConversations(w.ctx(), livedesk.List{Limit: -1}) {
		require.Error(t, err)
		errs++
	}
	require.Equal(t, 1, errs, "an error is yielded once")
	for range w.desk.AllConversations(w.ctx(), livedesk.List{Limit: 2}) {
		break // always safe
	}
}

// A thousand at once is one page with a way on.
func TestLargestPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	for i := range 1001 {
		w.start(phone(i), "x")
	}
	require.Len(t, w.all(livedesk.List{Limit: 1000}), 1001)
	seen := map[string]bool{}
	for _, c := range w.all(livedesk.List{Limit: 999}) {
		require.False(t, seen[c.ID])
		seen[c.ID] = true
	}
}

func TestTimelinePages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.text(alice, "first")
	id := w.only().ID
	for i := range 450 {
		_, err := w.desk.AddNote(w.ctx(), id, host, fmt.Sprint(i))
		require.NoError(t, err)
	}
	all := w.timeline(id)
	latest, err := w.desk.Latest(w.ctx(), id, 0, 10)
	require.NoError(t, err)
	require.Equal(t, all[len(all)-10:], latest)
	before, err := w.desk.Latest(w.ctx(), id, latest[0].Seq, 0)
	require.NoError(t, err)
	require.Equal(t, all[len(all)-10-livedesk.DefaultLimit:len(all)-10], before)
	first, err := w.desk.Latest(w.ctx(), id, 1, 10)
	require.NoError(t, err)
	require.Empty(t, first)
	_, err = w.desk.Latest(w.ctx(), id, 0, 1001)
	require.NotEmpty(t, field(t, err, "limit"))
	var rest []livedesk.Message
	for m, err := range w.desk.Messages(w.ctx(), id, all[99].Seq) {
		require.NoError(t, err)
		rest = append(rest, m)
	}
	require.Equal(t, all[100:], rest)
	w.settle()
	require.Empty(t, w.bodies(), "notes never leave")
}

func TestDetails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bandwidthChannel(nil)
	w.text(alice, "hello")
	id := w.only().ID
	set := func(d livedesk.Details) livedesk.Conversation {
		c, err := w.desk.SetDetails(w.ctx(), id, host, d)
		require.NoError(t, err)
		require.Equal(t, c, w.only())
		return c
	}
	c := set(livedesk.Details{Labels: []string{"b", "a", "b"}, Attributes: map[string]string{"k": "v", "x": "a\x00"}, ExternalID: new("ext"), Priority: new(5)})
	require.Equal(t, []string{"b", "a"}, c.Labels)
	require.Equal(t, map[string]string{"k": "v", "x": "a\ufffd"}, c.Attributes)
	require.Equal(t, "ext", c.ExternalID)
	require.EqualValues(t, 5, c.Priority)
	entries := len(w.timeline(id))
	require.Equal(t, c, set(livedesk.Details{}), "nil fields stay")
	require.Len(t, w.timeline(id), entries)
	c = set(livedesk.Details{Labels: []string{}, Attributes: map[string]string{"k": "", "x": ""}, ExternalID: new(""), Priority: new(0)})
	require.Empty(t, c.Labels)
	require.Empty(t, c.Attributes)
	require.Empty(t, c.ExternalID)
	for want, d := range map[string]livedesk.Details{
		"labels": {Labels: make([]string, 51)}, "labels[0]": {Labels: []string{""}}, "attributes": {Attributes: map[string]string{"": "x"}},
		"attributes.k": {Attributes: map[string]string{"k": string(make([]byte, 2000))}}, "external_id": {ExternalID: new("\n")}, "priority": {Priority: new(101)},
	} {
		_, err := w.desk.SetDetails(w.ctx(), id, host, d)
		require.Contains(t, fields(err), want)
	}
	require.True(t, slices.Equal(nil, w.only().Labels))
}
