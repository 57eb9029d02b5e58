package livedesk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk"
)

// The carrier's time counts where it makes sense, and only for what customers write.
func TestWrittenAt(t *testing.T) { // F37
	t.Parallel()
	at := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		kind livedesk.MessageKind
		said time.Duration // of the carrier, before it came
		want time.Duration
	}{
		"at once":         {livedesk.Incoming, 0, 0},
		"a little late":   {livedesk.Incoming, time.Millisecond, time.Millisecond},
		"a day late":      {livedesk.Incoming, 24 * time.Hour, 24 * time.Hour},
		"a day and more":  {livedesk.Incoming, 24*time.Hour + time.Microsecond, 0},
		"from the future": {livedesk.Incoming, -time.Millisecond, 0},
		"ours":            {livedesk.Outgoing, time.Minute, 0},
	} {
		m := livedesk.Message{Kind: c.kind, At: at, ProviderAt: at.Add(-c.said)}
		require.Equal(t, at.Add(-c.want), m.WrittenAt(), name)
	}
	require.Equal(t, at, livedesk.Message{Kind: livedesk.Incoming, At: at}.WrittenAt())
}

// Of one instant, who arrived first stands first; what is given stays as it is.
func TestReadingOrderOfOneInstant(t *testing.T) { // F37
	t.Parallel()
	at := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	given := []livedesk.Message{{Seq: 3, At: at}, {Seq: 1, At: at}, {Seq: 4, At: at.Add(-1)}, {Seq: 2, At: at}}
	var got []int64
	for _, m := range livedesk.ReadingOrder(given) {
		got = append(got, m.Seq)
	}
	require.Equal(t, []int64{4, 1, 2, 3}, got)
	require.EqualValues(t, 3, given[0].Seq)
	require.Empty(t, livedesk.ReadingOrder(nil))
}

// A person's reply that was kept over an outage says how long it waited; what was taken back didn't leave.
func TestWaited(t *testing.T) { // F65
	t.Parallel()
	w := onTwilio(t)
	w.text(alice, "are you there?")
	w.twilio.SetDown(true)
	reply := w.reply(w.only().ID, "yes")
	waited := func() time.Duration { return w.message(reply.ID).Waited(w.clock()) }
	require.Zero(t, waited())
	w.later(5 * time.Hour)
	require.Equal(t, livedesk.Queued, w.state(reply.ID))
	w.advance(time.Minute)
	require.Equal(t, 5*time.Hour+time.Minute, waited())
	w.advance(-time.Minute)
	w.twilio.SetDown(false)
	w.later(time.Hour)
	require.Equal(t, livedesk.Accepted, w.state(reply.ID))
	require.Equal(t, 6*time.Hour, waited())
	w.later(time.Hour)
	require.Equal(t, 6*time.Hour, waited(), "it has left")

	second := w.reply(w.only().ID, "and?")
	w.advance(time.Hour)
	w.text(alice, "STOP")
	require.Equal(t, livedesk.Canceled, w.state(second.ID))
	require.Zero(t, w.message(second.ID).Waited(w.clock()))
	for _, m := range w.texts(w.only().ID) {
		if m.Kind == livedesk.Incoming {
			require.Zero(t, m.Waited(w.clock()))
		}
	}
}
