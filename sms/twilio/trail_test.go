package twilio_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// busy is an account with more messages than anybody wants to page through, one each few milliseconds. The first was sent
// last, as in Twilio's lists.
type busy struct {
	sent, created []time.Time
	inbound       func(i int) bool
	asked         int
	refuse        string // a page token that isn't known any more
}

// busyUntil makes n messages before now. A message is created up to late before it is sent.
func busyUntil(now time.Time, n int, apart, late time.Duration, seed *rand.Rand) *busy {
	b := &busy{inbound: func(i int) bool { return true }}
	for i := range n {
		at := now.Add(-time.Duration(i) * apart).Truncate(time.Second)
		b.sent = append(b.sent, at)
		if late > 0 {
			at = at.Add(-time.Duration(seed.Int64N(int64(late)))).Truncate(time.Second)
		}
		b.created = append(b.created, at)
	}
	return b
}

func (b *busy) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	b.asked++
	token := q.Get("PageToken")
	if token != "" && token == b.refuse {
		return answers(400, nil, `{"code":20001,"status":400}`)(r)
	}
	begin, _ := strconv.Atoi(token)
	var rows []map[string]any
	i := begin
	for ; i < len(b.sent) && len(rows) < 200; i++ {
		if !b.fits(q, i) {
			continue
		}
		direction, status := "outbound-api", "delivered"
		if b.inbound(i) {
			direction, status = "inbound", "received"
		}
		rows = append(rows, row(map[string]any{"sid": sid(i), "direction": direction, "status": status,
			"date_created": b.created[i].Format(time.RFC1123Z), "date_sent": b.sent[i].Format(time.RFC1123Z)}))
	}
	var next any
	if i < len(b.sent) {
		page, _ := strconv.Atoi(q.Get("Page"))
		next = messagesPath + fmt.Sprintf("?Page=%d&PageToken=%d", page+1, i)
	}
	return answers(200, nil, answer(next, rows...))(r)
}

// fits filters by days, as little as Twilio's documentation allows.
func (b *busy) fits(q url.Values, i int) bool {
	lower, _ := time.Parse(time.DateOnly, q.Get("DateSent>"))
	upper, _ := time.Parse(time.DateOnly, q.Get("DateSent<"))
	return (lower.IsZero() || !b.sent[i].Before(lower)) && (upper.IsZero() || !b.sent[i].After(upper))
}

// between are the ids of the texts that came in between two times.
func (b *busy) between(since, until time.Time) (ids []string) {
	for i, at := range b.created {
		if b.inbound(i) && !at.Before(since) && (until.IsZero() || at.Before(until)) {
			ids = append(ids, sid(i))
		}
	}
	slices.Sort(ids)
	return ids
}

func listedIDs(out []sms.Listed) (ids []string) {
	for _, l := range out {
		ids = append(ids, l.Inbound.ID)
	}
	slices.Sort(ids)
	return ids
}

func openBusy(t *testing.T, b *busy) sms.Account {
	t.Helper()
	return open(t, twilio.Config{Transport: roundTripper(b.RoundTrip)}, settings())
}

// An account has more than 50,000 messages between now and the time that is asked for. The list gives up, and goes on when
// it is asked again.
func TestListGoesOnWhereItGaveUp(t *testing.T) {
	if testing.Short() {
		t.Skip("75,000 messages")
	}
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Second)
	b := busyUntil(now, 75_000, 500*time.Millisecond, 0, nil) // of 10 hours
	b.inbound = func(i int) bool { return i%1000 == 0 }
	a := openBusy(t, b)
	q := sms.ListQuery{Direction: sms.DirectionInbound, Since: now.Add(-10 * time.Hour), Until: now.Add(-9 * time.Hour)}
	_, err := list(t, a, q)
	require.ErrorIs(t, err, sms.ErrListTooLong)
	requireNotAsked(t, err, channel.ReasonOther)
	require.Equal(t, 250, b.asked)
	out, err := list(t, a, q)
	require.NoError(t, err)
	require.Equal(t, b.between(q.Since, q.Until), listedIDs(out))
	require.NotEmpty(t, out)
	before := b.asked

	q.Until = now.Add(-9*time.Hour - 30*time.Minute) // where it came by
	out, err = list(t, a, q)
	require.NoError(t, err)
	require.Equal(t, b.between(q.Since, q.Until), listedIDs(out))
	require.Less(t, b.asked-before, 60)

	// A list of the newest ones, which doesn't get far, takes nothing away from that.
	_, err = list(t, a, sms.ListQuery{Direction: sms.DirectionInbound, Since: q.Since, Limit: 10})
	require.NoError(t, err)
	before = b.asked
	_, err = list(t, a, q)
	require.NoError(t, err)
	require.Less(t, b.asked-before, 60)
}

// Who goes back text by text pays for each page twice at the most.
func TestListsInARowCostWhatOneCosts(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Second)
	b := busyUntil(now, 30_000, time.Second, 0, nil)
	b.inbound = func(i int) bool { return i%2 == 0 }
	a := openBusy(t, b)
	since := now.Add(-8 * time.Hour)
	got, until := map[string]bool{}, now.Add(time.Second)
	for {
		out, err := list(t, a, sms.ListQuery{Direction: sms.DirectionInbound, Since: since, Until: until, Limit: 1000})
		require.NoError(t, err)
		for _, l := range out {
			got[l.Inbound.ID] = true
		}
		if len(out) < 1000 {
			break
		}
		until = out[len(out)-1].Created.Add(time.Second)
	}
	require.Len(t, got, len(b.between(since, time.Time{})))
	require.Less(t, b.asked, 2*len(b.sent)/200)
}

// Whatever is asked for, and in whichever order, a way that is known leaves nothing out.
func TestListTakesNoShortCut(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	now := time.Now().UTC().Truncate(time.Second)
	b := busyUntil(now, 4000, time.Minute, 10*time.Minute, random) // of almost three days
	b.inbound = func(i int) bool { return i%3 != 0 }
	a := openBusy(t, b)
	for range 30 {
		until := now.Add(-time.Duration(random.IntN(4000)) * time.Minute)
		since := until.Add(-time.Duration(1+random.IntN(900)) * time.Minute)
		q := sms.ListQuery{Direction: sms.DirectionInbound, Since: since, Until: until, Limit: 5000}
		switch random.IntN(4) {
		case 0:
			q.Until = time.Time{}
		case 1:
			q.Direction = ""
		}
		out, err := list(t, a, q)
		require.NoError(t, err)
		out = slices.DeleteFunc(out, func(l sms.Listed) bool { return l.Inbound == nil })
		require.Equal(t, b.between(q.Since, q.Until), listedIDs(out), "[%v, %v) %q", q.Since, q.Until, q.Direction)
	}
}

// A page that Twilio doesn't know any more is forgotten: the next list begins at the beginning.
func TestListForgetsAPageThatIsGone(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Second)
	b := busyUntil(now, 2000, time.Second, 0, nil)
	a := openBusy(t, b)
	q := sms.ListQuery{Direction: sms.DirectionInbound, Since: now.Add(-time.Hour), Limit: 500}
	_, err := list(t, a, q)
	require.NoError(t, err)
	b.refuse, q.Until = "400", now.Add(-450*time.Second)
	_, err = list(t, a, q)
	require.Error(t, err)
	b.refuse, b.asked = "", 0
	out, err := list(t, a, q)
	require.NoError(t, err)
	require.Len(t, out, 500)
	require.Equal(t, 5, b.asked, "from the first page on")
}

// The same against the fake carrier, whose pages are told apart as Twilio's are.
func TestListGoesOnAtTheFakeCarrier(t *testing.T) {
	if testing.Short() {
		t.Skip("51,000 messages")
	}
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := carrier(t, smstest.TwilioConfig{Keep: -1})
		at.SetWebhooks(testWebhook, smstest.HandlerTransport(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })))
		a := openAt(t, at, settings())
		start := time.Now()
		for i := range 51_000 {
			_, err := at.Deliver(t.Context(), smstest.Text{Body: strconv.Itoa(i)})
			require.NoError(t, err)
			time.Sleep(time.Second)
		}
		q := sms.ListQuery{Direction: sms.DirectionInbound, Since: start, Until: start.Add(100 * time.Second)}
		_, err := list(t, a, q)
		require.ErrorIs(t, err, sms.ErrListTooLong)
		out, err := list(t, a, q)
		require.NoError(t, err)
		require.Len(t, out, 100)
	})
}
