package livedesk_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

// east is a time that no store keeps as it is: of another zone, and finer than a microsecond.
var east = noon.In(time.FixedZone("east", 9*3600)).Add(1999 * time.Nanosecond)

// fill sets everything that v reaches: a field that a row gains is filled too.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(east))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 5)) // with room, so that an append to a copy that isn't one is seen
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(k)
		fill(e)
		v.SetMapIndex(k, e)
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(7)
	case reflect.Int, reflect.Int64, reflect.Int8, reflect.Int16, reflect.Int32:
		v.SetInt(7)
	default:
		panic("fill doesn't know " + v.Type().String())
	}
}

// apart fails where a copy shares memory with its original, differs from it, or has a time as no store keeps it.
func apart(t *testing.T, path string, original, copied reflect.Value) {
	t.Helper()
	switch original.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		if original.IsNil() {
			require.True(t, copied.IsNil(), path)
			return
		}
		require.NotEqual(t, original.Pointer(), copied.Pointer(), "%s is shared", path)
	}
	switch original.Kind() {
	case reflect.Pointer:
		apart(t, path, original.Elem(), copied.Elem())
	case reflect.Struct:
		if at, is := copied.Interface().(time.Time); is {
			require.Equal(t, noon.Add(time.Microsecond), at, "%s isn't in whole microseconds, UTC", path)
			return
		}
		for i := range original.NumField() {
			apart(t, path+"."+original.Type().Field(i).Name, original.Field(i), copied.Field(i))
		}
	case reflect.Slice:
		require.Equal(t, original.Len(), copied.Len(), path)
		for i := range original.Len() {
			apart(t, path+"[]", original.Index(i), copied.Index(i))
		}
	case reflect.Map:
		require.Equal(t, original.Len(), copied.Len(), path)
		for k, e := range original.Seq2() {
			apart(t, path+"[]", e, copied.MapIndex(k))
		}
	default:
		require.Equal(t, original.Interface(), copied.Interface(), path)
	}
}

func clones[V interface{ Clone() V }](t *testing.T) {
	t.Helper()
	var row, zero V
	require.Equal(t, zero, zero.Clone())
	fill(reflect.ValueOf(&row).Elem())
	copied := row.Clone()
	apart(t, reflect.TypeFor[V]().Name(), reflect.ValueOf(row), reflect.ValueOf(copied))
	require.Equal(t, copied, copied.Clone())
}

// Whoever adds a field to a row that refers to something, or that is a time, has to see to it in Clone.
func TestCloneSharesNothing(t *testing.T) {
	t.Parallel()
	clones[livedesk.Contact](t)
	clones[livedesk.Thread](t)
	clones[livedesk.Conversation](t)
	clones[livedesk.LoadedThread](t)
	clones[livedesk.Message](t)
	clones[livedesk.Agent](t)
	clones[livedesk.Queue](t)
	clones[livedesk.Budget](t)
	clones[livedesk.Job](t)
	clones[livedesk.Object](t)
}

type written[V any] interface {
	Clone() V
	Keys() (livedesk.RowKey, []livedesk.RowKey)
	Over(old V) (V, error)
}

// over checks the rules of versions that all rows share, on a row with everything in it and its version.
func over[V written[V]](t *testing.T, version func(*V) *int64) {
	t.Helper()
	var row V
	fill(reflect.ValueOf(&row).Elem())
	if o, is := any(&row).(*livedesk.Object); is {
		o.Deleted = false
	}
	if q, is := any(&row).(*livedesk.Queue); is {
		q.Waiting, q.More = nil, false
	}
	at := func(v int64) V {
		out := row.Clone()
		*version(&out) = v
		return out
	}
	name, none := reflect.TypeFor[V]().Name(), *new(V)
	next, err := row.Over(at(7))
	require.NoError(t, err, name)
	require.Equal(t, at(8), next, name)
	*version(&next) = 7
	apart(t, name, reflect.ValueOf(row), reflect.ValueOf(next))
	for _, old := range []V{at(6), at(8), none} {
		_, err = at(7).Over(old)
		require.ErrorIs(t, err, livedesk.ErrConflict, name)
	}
	if name == "Thread" {
		for _, old := range []V{none, at(7)} {
			_, err = at(0).Over(old)
			require.ErrorIs(t, err, livedesk.ErrConflict, "threads are made by TakeIn")
		}
		return
	}
	next, err = at(0).Over(none)
	require.NoError(t, err, name)
	require.Equal(t, at(1), next, name)
	_, err = at(0).Over(at(7))
	require.ErrorIs(t, err, livedesk.ErrExists, name)
}

func TestOverChecksVersions(t *testing.T) {
	t.Parallel()
	over(t, func(r *livedesk.Contact) *int64 { return &r.Version })
	over(t, func(r *livedesk.Thread) *int64 { return &r.Version })
	over(t, func(r *livedesk.Conversation) *int64 { return &r.Version })
	over(t, func(r *livedesk.Message) *int64 { return &r.Version })
	over(t, func(r *livedesk.Agent) *int64 { return &r.Version })
	over(t, func(r *livedesk.Queue) *int64 { return &r.Version })
	over(t, func(r *livedesk.Budget) *int64 { return &r.Version })
	over(t, func(r *livedesk.Object) *int64 { return &r.Version })
}

func TestTombstones(t *testing.T) {
	t.Parallel()
	o := livedesk.Object{Workspace: "main", Kind: "channel", ID: "a", Key: "hook", Data: []byte("{}"), Version: 3, Revision: 9}
	gone := o
	gone.Deleted = true
	stone, err := gone.Over(o)
	require.NoError(t, err)
	require.Equal(t, livedesk.Object{Workspace: "main", Kind: "channel", ID: "a", Deleted: true, Version: 4, Revision: 9}, stone)
	require.Equal(t, "hook", gone.Key, "the argument stays")
	again := o
	again.Version = 0
	row, err := again.Over(stone)
	require.NoError(t, err, "nobody sees a tombstone")
	require.EqualValues(t, 5, row.Version)
	require.Equal(t, "hook", row.Key)
	again.Version = 4
	_, err = again.Over(stone)
	require.NoError(t, err, "by the tombstone's own version")
	again.Version = 3
	_, err = again.Over(stone)
	require.ErrorIs(t, err, livedesk.ErrConflict)
}

func TestQueueOver(t *testing.T) {
	t.Parallel()
	q := livedesk.Queue{ID: "team:a", Waiting: []livedesk.Conversation{{ID: "c"}}, More: true, Members: []livedesk.Member{{Agent: "ann"}, {Agent: "ben"}}}
	row, err := q.Over(livedesk.Queue{})
	require.NoError(t, err)
	require.Equal(t, livedesk.Queue{ID: "team:a", Members: q.Members, Version: 1}, row)
	less, had := row.Without("ann")
	require.True(t, had)
	require.Equal(t, livedesk.Queue{ID: "team:a", Members: []livedesk.Member{{Agent: "ben"}}, Version: 2}, less)
	require.Equal(t, "ann", row.Members[0].Agent, "the argument stays")
	same, had := row.Without("zoe")
	require.False(t, had)
	require.Equal(t, row, same)
}

func TestRowKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		row interface {
			Keys() (livedesk.RowKey, []livedesk.RowKey)
		}
		primary livedesk.RowKey
		unique  []livedesk.RowKey
	}{
		{livedesk.Contact{Workspace: "w", ID: "i", Address: "+1"}, livedesk.RowKey{"contact", "w", "i"}, []livedesk.RowKey{{"address", "w", "+1"}}},
		{livedesk.Thread{Workspace: "w", Channel: "c", Contact: "p"}, livedesk.RowKey{"thread", "w", "c", "p"}, nil},
		{
			livedesk.Conversation{Workspace: "w", ID: "i", Channel: "c", Contact: "p", State: livedesk.Snoozed},
			livedesk.RowKey{"conversation", "w", "i"}, []livedesk.RowKey{{"live", "w", "c", "p"}},
		},
		{livedesk.Conversation{Workspace: "w", ID: "i", Channel: "c", State: livedesk.Resolved}, livedesk.RowKey{"conversation", "w", "i"}, nil},
		{
			livedesk.Message{Workspace: "w", ID: "i", Channel: "c", Conversation: "v", Seq: 12, Key: "k", ProviderID: "SM1", Kind: livedesk.Outgoing},
			livedesk.RowKey{"message", "w", "i"}, []livedesk.RowKey{{"seq", "w", "v", "12"}, {"key", "w", "v", "k"}, {"provider", "w", "c", "SM1"}},
		},
		{
			livedesk.Message{Workspace: "w", ID: "i", Conversation: "v", Seq: 1, ProviderID: "SM1", Kind: livedesk.Incoming},
			livedesk.RowKey{"message", "w", "i"}, []livedesk.RowKey{{"seq", "w", "v", "1"}},
		},
		{livedesk.Agent{Workspace: "w", ID: "i"}, livedesk.RowKey{"agent", "w", "i"}, nil},
		{livedesk.Queue{Workspace: "w", ID: "i"}, livedesk.RowKey{"queue", "w", "i"}, nil},
		{livedesk.Budget{Sender: livedesk.Sender{Workspace: "w", Channel: "c"}}, livedesk.RowKey{"budget", "w", "c"}, nil},
		{livedesk.Job{Workspace: "w", Key: "k"}, livedesk.RowKey{"job", "w", "k"}, nil},
		{livedesk.Object{Workspace: "w", Kind: "k", ID: "i", Key: "h"}, livedesk.RowKey{"object", "w", "k", "i"}, []livedesk.RowKey{{"hook", "", "k", "h"}}},
		{livedesk.Object{Workspace: "w", Kind: "k", ID: "i"}, livedesk.RowKey{"object", "w", "k", "i"}, nil},
	} {
		primary, unique := c.row.Keys()
		require.Equal(t, c.primary, primary)
		require.Equal(t, c.unique, unique)
	}
}

func TestArrivalNewContact(t *testing.T) {
	t.Parallel()
	a := livedesk.Arrival{Workspace: "main", Channel: "ch", Key: "k", Address: alice, Country: "US"}
	first, second := a.NewContact(east), a.NewContact(east)
	require.NotEqual(t, first.ID, second.ID)
	require.Less(t, first.ID, a.NewContact(east.Add(time.Millisecond)).ID, "ids are in the order of time")
	require.Equal(t, livedesk.Contact{
		Workspace: "main", ID: first.ID, Address: alice, Country: "US", CreatedAt: noon.Add(time.Microsecond),
	}, first)
}

func TestUnfinished(t *testing.T) {
	t.Parallel()
	require.True(t, text("a", 1, livedesk.Queued, noon).Delivery.Unfinished())
	require.False(t, text("a", 1, livedesk.Delivered, time.Time{}).Delivery.Unfinished())
	require.False(t, (*livedesk.Delivery)(nil).Unfinished())
}

// R14: whoever has a text when it is taken back loses it.
func TestMessageCancel(t *testing.T) {
	t.Parallel()
	m := *text("a", 1, livedesk.Claimed, noon)
	m.Version, m.Delivery.Fence = 3, 7
	m.Delivery.History = make([]livedesk.DeliveryNote, livedesk.MaxHistory)
	require.True(t, m.Cancel(noon, channel.ReasonOptOut))
	require.Equal(t, livedesk.Canceled, m.Delivery.State)
	require.Equal(t, channel.ReasonOptOut, m.Delivery.Reason)
	require.EqualValues(t, 8, m.Delivery.Fence)
	require.EqualValues(t, 4, m.Version)
	require.False(t, m.Delivery.Unfinished())
	require.Len(t, m.Delivery.History, livedesk.MaxHistory)
	last := m.Delivery.History[livedesk.MaxHistory-1]
	require.Equal(t, []any{noon, livedesk.Canceled, "desk"}, []any{last.At, last.State, last.Source})
	was := m.Clone()
	require.False(t, m.Cancel(noon, channel.ReasonExpired), "once")
	require.Equal(t, was, m)
	incoming := livedesk.Message{Kind: livedesk.Incoming, Version: 1}
	require.False(t, incoming.Cancel(noon, channel.ReasonOptOut))
	require.EqualValues(t, 1, incoming.Version)
}

// R14: a fence of a job never comes again, and who has another one changes nothing.
func TestJobChangeOver(t *testing.T) {
	t.Parallel()
	old := livedesk.Job{Workspace: "main", Key: "snooze:1", Kind: "snooze", Subject: "1", Due: noon, Fence: 5, Attempts: 2}
	to := func(fence int64, done bool) livedesk.JobChange {
		return livedesk.JobChange{Done: done, Job: livedesk.Job{
			Workspace: "main", Key: "snooze:1", Kind: "other", Subject: "2", Due: noon.Add(time.Hour + time.Nanosecond), Fence: fence, Attempts: 9,
		}}
	}
	fresh := livedesk.Job{Workspace: "main", Key: "snooze:1", Kind: "other", Subject: "2", Due: noon.Add(time.Hour), Fence: 6}
	moved := old
	moved.Due = noon.Add(time.Hour)
	for name, c := range map[string]struct {
		change livedesk.JobChange
		old    livedesk.Job
		want   livedesk.Job
		stands bool
	}{
		"put in place":            {to(0, false), livedesk.Job{}, fresh, true},
		"put over another":        {to(0, false), old, fresh, true},
		"ended whatever is there": {to(0, true), old, livedesk.Job{}, false},
		"ended where nothing is":  {to(0, true), livedesk.Job{}, livedesk.Job{}, false},
		"moved":                   {to(5, false), old, moved, true},
		"ended":                   {to(5, true), old, livedesk.Job{}, false},
		"moved too late":          {to(4, false), old, old, true},
		"ended too late":          {to(4, true), old, old, true},
		"moved when it is gone":   {to(5, false), livedesk.Job{}, livedesk.Job{}, false},
		"ended when it is gone":   {to(5, true), livedesk.Job{}, livedesk.Job{}, false},
	} {
		got, stands := c.change.Over(c.old, 6)
		require.Equal(t, c.want, got, name)
		require.Equal(t, c.stands, stands, name)
	}
	old.Lease(noon, time.Minute+time.Nanosecond, 8)
	require.EqualValues(t, 8, old.Fence)
	require.Equal(t, 3, old.Attempts)
	require.Equal(t, noon.Add(time.Minute), old.Due)
}

// The trap for whoever keeps rows as JSON, as the doc of Store has it: if this fails, that warning can go.
func TestJSONLeavesOutTheFence(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(livedesk.Message{Delivery: &livedesk.Delivery{Fence: 7}})
	require.NoError(t, err)
	var back livedesk.Message
	require.NoError(t, json.Unmarshal(data, &back))
	require.Zero(t, back.Delivery.Fence)
}
